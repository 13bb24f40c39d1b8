use super::*;

/// Runs a copy of the program without `ORT_DYLIB_PATH`, and returns what it tried.
fn doctor(program: &Path, environment: Option<&Path>) -> String {
    let mut command = Command::new(program);
    command.arg("doctor").env_remove("ORT_DYLIB_PATH").env_remove("CONDA_PREFIX");
    match environment {
        Some(path) => command.env("VIRTUAL_ENV", path),
        None => command.env_remove("VIRTUAL_ENV"),
    };
    let output = command.timeout(PATIENCE).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

fn plant(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let name = if cfg!(windows) { "onnxruntime.dll" } else { "libonnxruntime.so" };
    fs::write(folder.join(name), "planted").unwrap();
}

#[test]
fn libraries_above_the_program_are_not_loaded() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().canonicalize().unwrap();
    let bin = root.join("alice/bin");
    fs::create_dir_all(&bin).unwrap();
    let program = bin.join("mcdrop");
    fs::copy(env!("CARGO_BIN_EXE_mcdrop"), &program).unwrap();
    let planted = [".ort/onnxruntime/capi", "alice/.ort/onnxruntime/capi"];
    for place in planted {
        plant(&root.join(place));
    }
    let tried = |text: &str| text.contains(".ort");
    let said = doctor(&program, None);
    assert!(!tried(&said), "{said}");
    // A checkout of another program, and one that lies above it.
    fs::write(root.join("alice/Cargo.toml"), "[package]\nname = \"other\"\n").unwrap();
    fs::write(root.join("Cargo.toml"), "[package]\nname = \"mcdrop\"\n").unwrap();
    let said = doctor(&program, None);
    assert!(!tried(&said), "{said}");
    // The checkout of the program itself, after the active environment.
    fs::write(root.join("alice/Cargo.toml"), "[package]\nname = \"mcdrop\"\n").unwrap();
    let environment = root.join("venv");
    plant(&environment.join("lib/python3.12/site-packages/onnxruntime/capi"));
    let said = doctor(&program, Some(&environment));
    let first = said.find("site-packages").unwrap_or_else(|| panic!("{said}"));
    let second = said.find("alice/.ort").unwrap_or_else(|| panic!("{said}"));
    assert!(first < second, "{said}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open = fs::Permissions::from_mode(0o777);
        for place in ["alice/.ort/onnxruntime/capi", "alice/bin"] {
            plant(&root.join(place));
            fs::set_permissions(root.join(place), open.clone()).unwrap();
        }
        let said = doctor(&program, None);
        assert_eq!(said.matches("every user may write to").count(), 2, "{said}");
    }
}
