//! mmdeploy: the `pipeline.json` and the `deploy.json` beside a model.

mod keys;
mod steps;

use serde_json::Value;

use super::fields::Fields;
use crate::error::Result;
use crate::input::preprocessing::partial_config::PartialConfig;
use crate::task;
use steps::Steps;

/// Whether a file is a pipeline of this form.
pub(super) fn is_pipeline(fields: &Fields<'_>) -> bool {
    fields.table.get("pipeline").is_some_and(|pipeline| pipeline.get("tasks").is_some())
}

/// Whether a file is the `deploy.json` beside a pipeline.
pub(super) fn is_deploy(fields: &Fields<'_>) -> bool {
    let has = |key| fields.get(key).is_some();
    has("task") && has("models") && has("customs")
}

/// What the task of a `deploy.json` says of the output.
pub(super) fn task(fields: Fields<'_>) -> Result<Option<PartialConfig>> {
    let task = match fields.text("task")? {
        Some("Classifier") => &task::CLASSIFICATION,
        Some("Segmentor") => &task::SEGMENTATION,
        Some(other) => {
            let message =
                format!("\"{other}\" is not supported: expected Classifier or Segmentor");
            return Err(fields.error("task", message));
        }
        None => return Ok(None),
    };
    let mut layer = PartialConfig::of_file(fields.file);
    layer.task = Some(task);
    Ok(Some(layer))
}

/// What is done to images.
pub(super) fn pixels(root: Fields<'_>) -> Result<PartialConfig> {
    let mut steps = Steps::new(root.file);
    for transform in transforms(root)? {
        steps.add(transform)?;
    }
    Ok(steps.finish())
}

/// The transforms of the task that prepares images.
fn transforms(root: Fields<'_>) -> Result<Vec<Fields<'_>>> {
    let pipeline = root.below("pipeline")?;
    let tasks = pipeline.map(|pipeline| pipeline.list("tasks")).transpose()?.flatten();
    let found = tasks
        .unwrap_or_default()
        .iter()
        .find_map(|task| task.get("transforms").and_then(Value::as_array));
    let Some(found) = found else {
        return Err(root.error("pipeline", "holds no task with transforms"));
    };
    let fields = found.iter().map(|transform| {
        let table = transform.as_object();
        let table = table.ok_or_else(|| root.error("transforms", "expected objects"));
        table.map(|table| Fields { file: root.file, table })
    });
    fields.collect()
}
