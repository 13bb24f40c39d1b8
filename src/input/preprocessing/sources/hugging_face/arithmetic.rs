//! Whose arithmetic an image processor resizes with, which its file rarely says.

use super::class::{Backend, Class};
use super::processors::Rule;
use super::{Context, Reading};
use crate::error::Result;
use crate::input::preprocessing::partial_config::PartialConfig;
use crate::input::preprocessing::sources::fields::Fields;
use crate::input::settings::{Alpha, CropRule, Resampler};

/// Which transformers is meant, and why.
#[derive(Debug, Clone)]
pub(super) struct Arithmetic {
    pub(super) is_pillow: bool,
    /// Transformers 5 lays transparent images on white, 4 drops transparency.
    is_version_5: bool,
    origin: String,
}

impl Arithmetic {
    /// By the class's name, the kind of file and the versions that files give, in this order.
    pub(super) fn of(
        fields: &Fields<'_>,
        class: &Class,
        context: &Context<'_>,
    ) -> Result<Self> {
        let version = version(fields, context)?;
        let major = version.as_ref().map(|(major, _)| *major);
        let named = || format!("{} ({})", class.name, fields.file);
        let (is_pillow, is_version_5, origin) = match (class.backend, version) {
            (Some(Backend::Pil), _) => (true, true, named()),
            (Some(Backend::Fast), _) => {
                (false, major.is_some_and(|major| major >= 5), named())
            }
            (None, _) if context.is_nested => {
                (false, true, format!("nested as by transformers 5 ({})", fields.file))
            }
            (None, Some((major, origin))) => (major < 5, major >= 5, origin),
            (None, None) => (
                false,
                true,
                format!("as transformers 5: {} names no version", fields.file),
            ),
        };
        Ok(Self { is_pillow, is_version_5, origin })
    }

    /// Writes everything that follows from it into the layer.
    pub(super) fn write(
        &self,
        reading: &Reading<'_>,
        layer: &mut PartialConfig,
    ) -> Result<()> {
        let do_rescale = reading.step("do_rescale", |_| true)?;
        let scales_first = reading.rule() == Rule::Float
            && do_rescale.as_ref().is_some_and(|step| step.value);
        let resampler = match (scales_first, self.is_pillow) {
            (true, _) => Resampler::Float,
            (false, true) => Resampler::Pillow,
            (false, false) => Resampler::Torchvision,
        };
        let crop_rule =
            if self.is_pillow { CropRule::HuggingFace4 } else { CropRule::HuggingFace };
        layer.resampler = Some(resampler);
        layer.crop_rule = Some(crop_rule);
        let place = reading.fields.file;
        for key in ["resampler", "crop_rule"] {
            layer.comes_from(key, self.origin.clone(), place);
        }
        if scales_first {
            let origin = format!("{} ({place})", reading.class.name);
            layer.comes_from("resampler", origin, place);
        }
        let to_rgb =
            reading.step("do_convert_rgb", |processor| processor.do_convert_rgb)?;
        if let Some(to_rgb) = to_rgb {
            let is_white = to_rgb.value && self.is_version_5;
            layer.alpha = Some(if is_white { Alpha::White } else { Alpha::Drop });
            reading.note(layer, "alpha", &to_rgb);
        }
        Ok(())
    }
}

/// The version of transformers that wrote the files, and which file says so.
fn version(fields: &Fields<'_>, context: &Context<'_>) -> Result<Option<(u64, String)>> {
    for source in [Some(fields), context.model.as_ref()].into_iter().flatten() {
        let Some(version) = source.text("transformers_version")? else { continue };
        let major = version.split('.').next().and_then(|major| major.parse().ok());
        let major = major.ok_or_else(|| {
            source.error(
                "transformers_version",
                format!("expected a version like 4.57.1, found \"{version}\""),
            )
        })?;
        return Ok(Some((major, format!("transformers {version} ({})", source.file))));
    }
    Ok(None)
}
