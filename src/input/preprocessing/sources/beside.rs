//! The files beside a model that other libraries wrote.
//!
//! `config.json`, `pipeline.json` and `deploy.json` are names that any program may use: one
//! that cannot be read as JSON says nothing, unless something shows whose it is.

use super::fields::Fields;
use super::folders::Folders;
use super::hugging_face::{self, Context};
use super::{Document, mmdeploy, read, timm};
use crate::error::{Error, Result};
use crate::input::preprocessing::partial_config::PartialConfig;

/// Keys and values that show a `config.json` to be of Hugging Face or timm.
const OF_A_MODEL: &[&str] = &[
    "\"architectures\"",
    "\"crop_pct\"",
    "\"id2label\"",
    "\"label_names\"",
    "\"model_type\"",
    "\"pretrained_cfg\"",
    "\"transformers_version\"",
];

/// What shows a `pipeline.json` to be of mmdeploy.
const OF_A_PIPELINE: &[&str] = &["\"LoadImageFromFile\"", "\"transforms\""];

/// What shows a `deploy.json` to be of mmdeploy.
const OF_A_DEPLOYMENT: &[&str] = &["\"customs\""];

/// What the files beside a model say.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// What was read, or why it cannot be honored.
    pub(super) found: Vec<Result<PartialConfig>>,
    /// Why files are not taken for those of a library.
    pub(super) unrecognized: Vec<Error>,
}

impl Beside {
    /// Reads them; those of a form that is not known say nothing.
    pub(super) fn read(folders: &Folders) -> Self {
        let mut beside = Self::default();
        let pipeline = beside.shared(folders, "pipeline.json", OF_A_PIPELINE, false);
        let deploy = beside.shared(folders, "deploy.json", OF_A_DEPLOYMENT, false);
        let processors = ["processor_config.json", "preprocessor_config.json"];
        let has_processor = processors.iter().any(|name| folders.find(name).is_some());
        let model = beside.shared(folders, "config.json", OF_A_MODEL, has_processor);
        let [nested, plain] = processors.map(|name| beside.own(folders, name));

        let found = &mut beside.found;
        if let Some(fields) =
            pipeline.as_ref().map(Document::fields).filter(mmdeploy::is_pipeline)
        {
            found.push(mmdeploy::pixels(fields));
        }
        if let Some(fields) =
            deploy.as_ref().map(Document::fields).filter(mmdeploy::is_deploy)
        {
            found.extend(mmdeploy::task(fields).transpose());
        }
        let [model, nested, plain] = [&model, &nested, &plain]
            .map(|document| document.as_ref().map(Document::fields));
        read_hub(model, nested, plain, found);
        beside
    }

    /// A file whose name is that of one library.
    fn own(&mut self, folders: &Folders, name: &str) -> Option<Document> {
        let document = Document::read(&folders.find(name)?);
        document.map_err(|error| self.found.push(Err(error))).ok()
    }

    /// A file whose name others use as well; `is_theirs` where something else shows that it
    /// is of the library.
    fn shared(
        &mut self,
        folders: &Folders,
        name: &str,
        marks: &[&str],
        is_theirs: bool,
    ) -> Option<Document> {
        let path = folders.find(name)?;
        let text = read(&path);
        let is_marked = |text: &String| marks.iter().any(|mark| text.contains(mark));
        let is_theirs = is_theirs || text.as_ref().is_ok_and(is_marked);
        let parse = |text: String| Document::parse(path.display().to_string(), &text);
        match text.and_then(parse) {
            Ok(document) => return Some(document),
            Err(error) if is_theirs => self.found.push(Err(error)),
            Err(error) => self.unrecognized.push(error),
        }
        None
    }
}

/// What the files of Hugging Face and timm say.
fn read_hub(
    model: Option<Fields<'_>>,
    nested: Option<Fields<'_>>,
    plain: Option<Fields<'_>>,
    found: &mut Vec<Result<PartialConfig>>,
) {
    let of_timm = model.filter(timm::is_config);
    match processor(nested, plain) {
        Err(error) => found.push(Err(error)),
        Ok(Some((fields, _))) if hugging_face::is_timm_wrapper(&fields) => {
            found.push(match of_timm {
                Some(model) => timm::pixels(model),
                None => timm_wrapper(fields),
            });
        }
        Ok(Some((fields, is_nested))) => {
            found.push(hugging_face::pixels(fields, &Context { is_nested, model }));
        }
        Ok(None) => found.extend(of_timm.map(timm::pixels)),
    }
    if let Some(model) = model {
        let labels = match hugging_face::labels(model) {
            Ok(None) if of_timm.is_some() => timm::labels(model),
            labels => labels,
        };
        found.extend(labels.transpose());
    }
}

/// The image processor of a folder, and whether it was found inside a `processor_config.json`.
fn processor<'a>(
    nested: Option<Fields<'a>>,
    plain: Option<Fields<'a>>,
) -> Result<Option<(Fields<'a>, bool)>> {
    if let Some(nested) = nested
        && let Some(inner) = nested.below("image_processor")?
    {
        return Ok(Some((inner, true)));
    }
    Ok(plain.map(|plain| (plain, false)))
}

/// What older files of the wrapper keep: timm's configuration, settled.
fn timm_wrapper(fields: Fields<'_>) -> Result<PartialConfig> {
    if timm::is_config(&fields) {
        return timm::pixels(fields);
    }
    match fields.below("data_config")? {
        Some(settled) => timm::pixels(settled),
        None => Err(fields
            .error(
                "image_processor_type",
                "leaves all to timm, but no config.json of timm is there",
            )
            .with_hint(
                "put timm's config.json beside the model, or say the values by hand",
            )),
    }
}
