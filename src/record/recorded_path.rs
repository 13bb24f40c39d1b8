//! Paths in records: relative to the folder of the run if both lie in one folder of the user, so that
//! the record can be moved and passed on.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

/// Returns the form in which a path is recorded in a run's folder: relative to that folder, with `/`
/// between its parts, if both are below the same top-level folder, else absolute.
pub fn recorded_path(path: &Path, run: &Path) -> String {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or(path.to_owned());
    let (path, run) = (absolute(path), absolute(run));
    relative(&path, &run).unwrap_or_else(|| path.display().to_string())
}

/// Returns the path that was recorded in a run's folder.
pub fn path_of_record(recorded: &str, run: &Path) -> PathBuf {
    run.join(recorded)
}

/// Returns the last part of a path, which names no folder of the user.
pub fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn relative(path: &Path, run: &Path) -> Option<String> {
    let path: Vec<Component<'_>> = path.components().collect();
    let run: Vec<Component<'_>> = run.components().collect();
    // Without knowing the links, `..` cannot be removed.
    if path.iter().chain(&run).any(|part| *part == Component::ParentDir) {
        return None;
    }
    let common = path.iter().zip(&run).take_while(|(one, other)| one == other).count();
    // The root, and on Windows the disk, are not a folder of the user.
    let is_root = |part: &&Component<'_>| !matches!(part, Component::Normal(_));
    let roots = run.iter().take_while(is_root).count();
    if common <= roots {
        return None;
    }
    let up = run[common..].iter().map(|_| "..".into());
    let down = path[common..].iter().map(|part| part.as_os_str().to_string_lossy());
    let parts: Vec<Cow<'_, str>> = up.chain(down).collect();
    Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn paths_in_the_same_folder_are_relative_to_the_run() {
        for (path, run, recorded) in [
            ("/home/a/images", "/home/a/out", "../images"),
            ("/home/a/out/in", "/home/a/out", "in"),
            ("/home/a/out", "/home/a/out", "."),
            ("/home/a/x y/ü", "/home/a/b/c/out", "../../../x y/ü"),
            ("/data/images", "/home/a/out", "/data/images"),
            ("/home/a/../b/images", "/home/a/out", "/home/a/../b/images"),
        ] {
            let found = recorded_path(Path::new(path), Path::new(run));
            assert_eq!(found, recorded, "{path} {run}");
        }
        let run = Path::new("/home/a/out");
        assert_eq!(path_of_record("../images", run), Path::new("/home/a/out/../images"));
        assert_eq!(path_of_record("/data", run), Path::new("/data"));
        assert_eq!(name_of(Path::new("/home/a/model.onnx")), "model.onnx");
    }
}
