//! Check that no other user can have put a library where it was found.

use std::path::Path;

/// Fails if the file, or a folder above it up to the one that also contains the executable, belongs
/// to somebody other than the user, root and the owner of the executable, or if everybody may write
/// to it.
#[cfg(unix)]
pub(super) fn check(file: &Path, executable: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;

    let read = |path: &Path| {
        std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let trusted = [0, rustix::process::geteuid().as_raw(), read(executable)?.uid()];
    let real = std::fs::canonicalize(file).map_err(|error| error.to_string())?;
    for start in [file, &real] {
        for path in start.ancestors() {
            if path.as_os_str().is_empty() {
                break;
            }
            let metadata = read(path)?;
            if !trusted.contains(&metadata.uid()) {
                return Err(format!("{} belongs to another user", path.display()));
            }
            // The sticky bit lets only owners replace entries, and the owner below was checked.
            let anybody = metadata.mode() & 0o002 != 0;
            let is_sticky = metadata.mode() & 0o1000 != 0 && metadata.is_dir();
            if anybody && !is_sticky {
                return Err(format!("every user may write to {}", path.display()));
            }
            if executable.starts_with(path) && metadata.is_dir() {
                break;
            }
        }
    }
    Ok(())
}

/// Other systems have no owner and mode that the standard library can read; the folder of the
/// executable and its checkout are trusted there.
#[cfg(not(unix))]
pub(super) fn check(_: &Path, _: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{Permissions, create_dir_all, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn libraries_that_everybody_may_replace_are_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("checkout/.ort");
        create_dir_all(&folder).unwrap();
        let executable = scratch.path().join("checkout/mcdrop");
        let library = folder.join("libonnxruntime.so");
        write(&executable, "").unwrap();
        write(&library, "").unwrap();
        let mode = |path: &Path, mode| {
            set_permissions(path, Permissions::from_mode(mode)).unwrap();
        };
        mode(&library, 0o664);
        assert_eq!(check(&library, &executable), Ok(()));
        for (path, others, own) in [(&*library, 0o666, 0o644), (&folder, 0o777, 0o755)] {
            mode(path, others);
            let refused = check(&library, &executable).unwrap_err();
            assert!(refused.contains("every user may write"), "{refused}");
            mode(path, own);
        }
        let elsewhere = scratch.path().join("elsewhere");
        create_dir_all(&elsewhere).unwrap();
        mode(&elsewhere, 0o777);
        write(elsewhere.join("planted.so"), "").unwrap();
        let link = folder.join("libonnxruntime.so.1");
        std::os::unix::fs::symlink(elsewhere.join("planted.so"), &link).unwrap();
        assert!(check(&link, &executable).is_err());
    }
}
