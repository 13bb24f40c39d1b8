//! What a policy says of an image.

use rayon::prelude::*;

use super::write::{Predicted, Writer};
use crate::error::Result;
use crate::input::ImageFile;
use crate::measure::{Measure, image_level};
use crate::metric::{PredictedClasses, deterministic_scores};
use crate::output::colormap::Ramp;
use crate::output::folder::{SET_SIZE, map_path};
use crate::output::heat_map::HeatMap;
use crate::output::resample;
use crate::output::table::shortest;
use crate::policy::{Decision, ImageScore, Policy, temper};
use crate::tensor::{ClassMap, Map};

/// The answers of a policy: each there where the policy asks.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Judged {
    /// The probability of the predicted class at the policy's temperature, the mean over pixels.
    calibrated_probability: Option<f32>,
    /// The mean number of classes in a set.
    set_size: Option<f32>,
    /// The classes of the image's set.
    prediction_set: Option<Vec<usize>>,
    decision: Option<Decision>,
}

impl Judged {
    /// The fields of its columns ([`judged_columns`]).
    pub(super) fn fields(&self) -> impl Iterator<Item = String> + use<> {
        let classes = self.prediction_set.as_ref().map(|classes| {
            let ids: Vec<String> = classes.iter().map(usize::to_string).collect();
            ids.join(" ")
        });
        [
            self.calibrated_probability.map(shortest),
            self.set_size.map(shortest),
            classes,
            self.decision.map(|decision| decision.name().to_owned()),
        ]
        .into_iter()
        .flatten()
    }
}

/// The columns that a policy adds to the table of rows.
pub(super) fn judged_columns(
    policy: &Policy,
    map: bool,
) -> impl Iterator<Item = &'static str> + use<> {
    [
        ("calibrated_probability", policy.temperature.is_some()),
        (SET_SIZE, policy.sets.is_some()),
        ("prediction_set", policy.sets.is_some() && !map),
        ("decision", policy.decides()),
    ]
    .into_iter()
    .filter_map(|(name, is_there)| is_there.then_some(name))
}

impl Writer<'_> {
    pub(super) fn judge<'m>(
        &self,
        policy: &Policy,
        file: &ImageFile,
        image: &Predicted,
        map_of: &impl Fn(&Measure) -> Option<&'m Map>,
    ) -> Result<Judged> {
        let mut judged =
            Judged { decision: self.decide(policy, image, map_of), ..Judged::default() };
        let is_asked = policy.sets.is_some() || policy.temperature.is_some();
        if self.map && is_asked {
            let (sizes, certainty) = self.look_at_pixels(policy, image);
            judged.calibrated_probability = policy.temperature.map(|_| certainty);
            if policy.sets.is_some() {
                judged.set_size = Some(image_level::mean(&values(&sizes)));
                self.write_set_sizes(file, image, &sizes)?;
            }
        } else if is_asked {
            let mut p = self.probabilities(image);
            if let Some(temperature) = policy.temperature {
                temper(&mut p, temperature.value);
                let class = image.statistics.prediction().classes[0];
                judged.calibrated_probability = Some(p[usize::from(class)]);
            }
            let classes = policy.sets.as_ref().map(|sets| sets.rule.classes(&p));
            judged.set_size = classes.as_ref().map(|classes| classes.len() as f32);
            judged.prediction_set = classes;
        }
        Ok(judged)
    }

    fn decide<'m>(
        &self,
        policy: &Policy,
        image: &Predicted,
        map_of: &impl Fn(&Measure) -> Option<&'m Map>,
    ) -> Option<Decision> {
        if !policy.decides() {
            return None;
        }
        let part = self.part(image);
        let predicted = part.crop_classes(image.statistics.prediction());
        let n_classes = image.statistics.n_classes();
        let pixels = PredictedClasses {
            predicted: &predicted.classes,
            width: predicted.width,
            n_classes,
        };
        policy.decide(|score: &ImageScore| {
            if let Some(measure) = score.measure {
                let map = map_of(measure);
                return map.map_or(f32::NAN, |map| score.value(&map.values, &pixels));
            }
            let (_, probability) = self.deterministic(image);
            score.value(&deterministic_scores(&probability), &pixels)
        })
    }

    /// The number of classes in the set of each pixel of the part that counts, and the mean
    /// probability of the most probable class at the policy's temperature.
    fn look_at_pixels(&self, policy: &Policy, image: &Predicted) -> (ClassMap, f32) {
        let part = self.part(image);
        let (height, width) = (part.rows.len(), part.columns.len());
        let p = self.probabilities(image);
        let (n, n_classes) = (height * width, image.statistics.n_classes());
        let rule = policy.sets.as_ref().map(|sets| sets.rule);
        let look = |item: &mut Vec<f32>, pixel: usize| {
            item.clear();
            item.extend(p[pixel..].iter().step_by(n));
            if let Some(temperature) = policy.temperature {
                temper(item, temperature.value);
            }
            let size = rule.map_or(0, |rule| rule.size(item) as u16);
            (size, item.iter().copied().fold(0.0, f32::max))
        };
        let item = || Vec::with_capacity(n_classes);
        let (classes, values): (Vec<u16>, Vec<f32>) =
            (0..n).into_par_iter().map_init(item, look).unzip();
        let certainty = image_level::mean(&Map { height, width, values });
        (ClassMap { height, width, classes }, certainty)
    }

    fn write_set_sizes(
        &self,
        file: &ImageFile,
        image: &Predicted,
        sizes: &ClassMap,
    ) -> Result<()> {
        let (placement, height, width) = self.map_placement(image);
        // Whole numbers stay so: no size between two pixels' sizes.
        let map = &values(&resample::classes(sizes, &placement, height, width));
        let bound = image.statistics.n_classes() as f32;
        let heat = HeatMap { map, bound, ramp: Ramp::Linear };
        for format in &self.options.formats {
            let path = map_path(SET_SIZE, file.id(), format.extension);
            self.folder.save(&path, (format.encode)(&heat))?;
        }
        Ok(())
    }
}

/// Ids as values, NaN for none.
fn values(map: &ClassMap) -> Map {
    let value = |id: &u16| if *id == ClassMap::NONE { f32::NAN } else { f32::from(*id) };
    let values = map.classes.iter().map(value).collect();
    Map { height: map.height, width: map.width, values }
}
