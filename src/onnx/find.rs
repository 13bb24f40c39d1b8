//! The model file of an export folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Usual name of the model in an export folder.
const USUAL: &str = "model.onnx";

/// Folder of exported models beside the files of a checkpoint.
const BELOW: &str = "onnx";

/// Returns the model at this path: the file itself, or in an export folder `model.onnx`, else the
/// only `.onnx` file, in the folder or in `onnx/` below it.
///
/// # Errors
/// Fails if a folder cannot be read, contains no `.onnx` file, or several without `model.onnx`.
pub fn find_model(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    for folder in [path.to_owned(), path.join(BELOW)] {
        let mut models = models_in(&folder)?;
        if let Some(usual) = models.iter().position(|model| model.ends_with(USUAL)) {
            return Ok(models.swap_remove(usual));
        }
        match models.as_slice() {
            [] => {}
            [_] => return Ok(models.swap_remove(0)),
            several => {
                let names: Vec<String> =
                    several.iter().map(|model| model.display().to_string()).collect();
                let message =
                    format!("holds {} models: {}", names.len(), names.join(", "));
                return Err(Error::model(&folder, message)
                    .with_hint("name the one that is meant instead of the folder"));
            }
        }
    }
    let message = format!("a folder without an .onnx file in it or in {BELOW}/ below it");
    Err(Error::model(path, message).with_hint(
        "the model comes first, then the images; a checkpoint has to be exported before, with \
         torch.onnx.export or optimum-cli",
    ))
}

/// Returns the `.onnx` files in a folder, sorted; none if it does not exist.
fn models_in(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |source| Error::read(folder, source);
    let mut models = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_model = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx"));
        if is_model && !path.is_dir() {
            models.push(path);
        }
    }
    models.sort();
    Ok(models)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn the_model_of_an_export_folder_is_found() {
        for (files, expected) in [
            (&["model.onnx", "decoder.onnx", "onnx/model.onnx"][..], "model.onnx"),
            (&["unet.onnx", "config.json", "onnx/model.onnx"], "unet.onnx"),
            (
                &["config.json", "onnx/model.onnx", "onnx/model_int8.onnx"],
                "onnx/model.onnx",
            ),
            (&["config.json", "onnx/net.ONNX"], "onnx/net.ONNX"),
        ] {
            let folder = folder(files);
            let found = find_model(folder.path()).unwrap();
            assert_eq!(found, folder.path().join(expected));
        }
    }

    #[test]
    fn a_file_and_a_missing_path_are_what_they_are() {
        let folder = folder(&["odd.bin"]);
        for name in ["odd.bin", "missing.onnx"] {
            let path = folder.path().join(name);
            assert_eq!(find_model(&path).unwrap(), path);
        }
    }

    #[test]
    fn folders_without_one_clear_model_say_what_they_hold() {
        let several = folder(&["b.onnx", "a.onnx"]);
        let error = find_model(several.path()).unwrap_err();
        assert!(error.to_string().contains("holds 2 models: "), "{error}");
        assert!(error.to_string().ends_with("b.onnx"), "{error}");
        assert_eq!(
            error.hint(),
            Some("name the one that is meant instead of the folder")
        );
        let none = folder(&["pytorch_model.bin", "x.onnx/inner"]);
        let error = find_model(none.path()).unwrap_err();
        assert!(error.to_string().contains("a folder without an .onnx file"), "{error}");
        assert!(error.hint().unwrap().contains("torch.onnx.export"));
    }
}
