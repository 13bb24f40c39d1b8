//! Finding ONNX Runtime's shared library and loading it.

mod ownership;

use std::ffi::{CStr, OsStr, c_char};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::AsPointer as _;
use ort::environment::Environment;
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};

use crate::error::{Error, Result};

const HINT: &str = "run `make setup` in the checkout, or `pip install onnxruntime` in the active \
                    environment, or name the library: `ort_lib = FILE` (1.20 or newer)";

/// Folder that `make setup` puts the library into, below the checkout.
const SET_UP: &str = ".ort/onnxruntime/capi";

/// The library of this process. ONNX Runtime allows one environment per process, and its bindings
/// allow one library: this global mirrors theirs.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

/// The loaded library of ONNX Runtime.
///
/// A process loads one library: a later [`Runtime::find`] returns the same one.
#[derive(Debug, Clone)]
pub struct Runtime {
    pub(super) environment: Environment,
    /// Sessions allocate from the arena of the environment instead of an arena each.
    pub(super) shares_arena: bool,
    path: PathBuf,
    version: String,
    tried: Vec<String>,
}

impl Runtime {
    /// Finds the library and loads it.
    ///
    /// With `library` (a file, or a folder that holds it) or else the environment variable
    /// `ORT_DYLIB_PATH`, only that location is tried. Otherwise: the `onnxruntime` package of the
    /// active virtual or conda environment; the folder of the executable; the set-up folder `.ort` of
    /// the checkout that the executable was built in; the system's loader by name. Beside the
    /// executable and in the checkout, a library is loaded only if no other user can have put it
    /// there (`ownership`). The working directory and the folders of models and images are never
    /// searched, and no other program is run.
    ///
    /// # Errors
    /// [`Error::RuntimeMissing`], with a line for each location, if none contains a library of
    /// version 1.20 or newer.
    pub fn find(library: Option<&Path>) -> Result<Self> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return Ok(runtime.clone());
        }
        let runtime = Self::search(library)?;
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    fn search(library: Option<&Path>) -> Result<Self> {
        let mut tried = Vec::new();
        for location in locations(library) {
            for file in location.files() {
                let loaded = location.check(&file).and_then(|()| load(&file));
                match loaded {
                    Ok((environment, version)) => {
                        tried.push(format!("  {}: version {version}", file.display()));
                        let shares_arena = register_arena(&environment);
                        return Ok(Self {
                            environment,
                            shares_arena,
                            path: file,
                            version,
                            tried,
                        });
                    }
                    Err(message) => {
                        let named_by = location.named_by;
                        tried.push(format!("  {}{named_by}: {message}", file.display()));
                    }
                }
            }
            if location.files().is_empty() {
                let (path, named_by) = (location.path.display(), location.named_by);
                tried.push(format!("  {path}{named_by}: {}", location.why_empty()));
            }
        }
        Err(Error::RuntimeMissing { tried, hint: Some(HINT.to_owned()) })
    }

    /// Returns the library's file, or the name that the system's loader found.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the library's version, for example `1.32.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns a line for each location that was tried; the last one is that of the library.
    pub fn tried(&self) -> &[String] {
        &self.tried
    }

    /// Returns the execution providers in the library, by ONNX Runtime's names.
    ///
    /// # Errors
    /// Fails if the library does not list them.
    pub fn providers(&self) -> Result<Vec<String>> {
        available_providers().ok_or_else(|| {
            Error::runtime("execution providers", "the library lists none")
        })
    }

    /// Returns true if the library has version 1.`minor` or newer.
    pub(super) fn is_at_least(&self, minor: u32) -> bool {
        let mut parts =
            self.version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (1, minor)
    }
}

/// A folder to search, a file, or a name for the system's loader.
#[derive(Debug)]
struct LibraryLocation {
    path: PathBuf,
    by_name: bool,
    /// The executable, if only its owner, the user or root may have put the libraries there.
    owned_like: Option<PathBuf>,
    /// The setting that named it, if the user did.
    named_by: &'static str,
}

impl LibraryLocation {
    fn new(path: PathBuf) -> Self {
        Self { path, by_name: false, owned_like: None, named_by: "" }
    }

    /// Fails if another user can have put a library there.
    fn check(&self, file: &Path) -> Result<(), String> {
        match &self.owned_like {
            Some(executable) => ownership::check(file, executable),
            None => Ok(()),
        }
    }

    /// Returns the libraries at the location, the best first.
    fn files(&self) -> Vec<PathBuf> {
        if self.by_name || self.path.is_file() {
            return vec![self.path.clone()];
        }
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| is_library(path)).collect();
        files.sort();
        files
    }

    fn why_empty(&self) -> &'static str {
        if self.path.exists() { "no ONNX Runtime library in it" } else { "not there" }
    }
}

fn is_library(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name == "onnxruntime.dll"
        || name.starts_with("libonnxruntime.so")
        || (name.starts_with("libonnxruntime.") && name.ends_with("dylib"))
}

fn locations(library: Option<&Path>) -> Vec<LibraryLocation> {
    let from_variable =
        || std::env::var_os("ORT_DYLIB_PATH").filter(|value| !value.is_empty());
    let named = library.map(|path| (path.to_owned(), " (`ort_lib`)"));
    let named =
        named.or_else(|| from_variable().map(|path| (path.into(), " (ORT_DYLIB_PATH)")));
    if let Some((path, named_by)) = named {
        let path = std::path::absolute(&path).unwrap_or(path);
        return vec![LibraryLocation { named_by, ..LibraryLocation::new(path) }];
    }
    let mut locations: Vec<LibraryLocation> =
        environment_packages().into_iter().map(LibraryLocation::new).collect();
    if let Ok(executable) = std::env::current_exe().and_then(std::fs::canonicalize) {
        let beside = executable.parent().map(Path::to_owned);
        let set_up = checkout_of(&executable).map(|checkout| checkout.join(SET_UP));
        let set_up = set_up.filter(|path| path.is_dir());
        locations.extend(beside.into_iter().chain(set_up).map(|path| LibraryLocation {
            owned_like: Some(executable.clone()),
            ..LibraryLocation::new(path)
        }));
    }
    if cfg!(unix) {
        let names: &[&str] = if cfg!(target_os = "macos") {
            &["libonnxruntime.dylib"]
        } else {
            &["libonnxruntime.so.1", "libonnxruntime.so"]
        };
        locations.extend(names.iter().map(|name| LibraryLocation {
            by_name: true,
            ..LibraryLocation::new(PathBuf::from(name))
        }));
    }
    locations
}

/// Returns the checkout of mcdrop whose `target` folder contains the executable: the first folder
/// above it with a `Cargo.toml`, if that is mcdrop's.
fn checkout_of(executable: &Path) -> Option<&Path> {
    let manifest = |folder: &&Path| folder.join("Cargo.toml").is_file();
    let checkout = executable.ancestors().skip(1).find(manifest)?;
    let text = std::fs::read_to_string(checkout.join("Cargo.toml")).ok()?;
    text.lines().any(|line| line.trim_end() == "name = \"mcdrop\"").then_some(checkout)
}

/// Returns the `onnxruntime` packages of the active virtual or conda environment.
fn environment_packages() -> Vec<PathBuf> {
    let roots = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(std::env::var_os);
    let mut found = Vec::new();
    for root in roots.map(PathBuf::from).filter(|root| root.is_absolute()) {
        let inside =
            |path: PathBuf| path.join("site-packages").join("onnxruntime").join("capi");
        let versions =
            std::fs::read_dir(root.join("lib")).into_iter().flatten().flatten();
        let pythons = versions.map(|entry| entry.path()).filter(|path| {
            path.file_name()
                .and_then(OsStr::to_str)
                .is_some_and(|name| name.starts_with("python"))
        });
        let mut candidates: Vec<PathBuf> = pythons.map(inside).collect();
        candidates.push(inside(root.join("Lib")));
        candidates.sort();
        let some = candidates.iter().any(|path| path.is_dir());
        let keep = |path: &PathBuf| {
            path.is_dir() || (!some && *path == inside(root.join("Lib")))
        };
        found.extend(candidates.into_iter().filter(keep));
    }
    found
}

fn load(file: &Path) -> Result<(Environment, String), String> {
    disable_telemetry();
    let version = version(file)?;
    // ONNX Runtime would write its warnings to standard error; what matters comes as an error.
    let silent: ort::logging::LoggerFunction = Arc::new(|_, _, _, _, _| {});
    let builder = ort::init_from(file).map_err(|error| match error {
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            format!(
                "version {version_str}, where 1.{} or newer is needed",
                ort::MINOR_VERSION
            )
        }
        other => other.to_string(),
    })?;
    let environment =
        builder.with_name("mcdrop").with_telemetry(false).with_logger(silent).build();
    environment
        .map(|environment| (environment, version))
        .map_err(|error| error.to_string())
}

/// Registers an arena that all sessions of the environment share; returns `false` if the library
/// refuses. An arena keeps its memory for later runs: with one arena per session, prefix and
/// suffix would each hold the activations of a large image.
#[expect(unsafe_code, reason = "the bindings have no safe call for this")]
fn register_arena(environment: &Environment) -> bool {
    let info = MemoryInfo::new(
        AllocationDevice::CPU,
        0,
        AllocatorType::Arena,
        MemoryType::Default,
    );
    let Ok(info) = info else { return false };
    let (environment, settings) = (environment.ptr().cast_mut(), std::ptr::null());
    // SAFETY: both objects are alive during the call, which copies the description and locks the
    // environment. A null pointer selects the default settings.
    let status = unsafe {
        (ort::api().CreateAndRegisterAllocator)(environment, info.ptr(), settings)
    };
    if status.0.is_null() {
        return true;
    }
    // SAFETY: the status is an error of the call above, and is not used after this.
    unsafe { (ort::api().ReleaseStatus)(status.0) };
    false
}

/// Official libraries from 1.29 on write a device id and queue events below the user's cache
/// folder when they start, unless this variable forbids it.
const TELEMETRY: &str = "ORT_DISABLE_TELEMETRY";

/// Forbids telemetry unless the user has set the variable. Must run before the library is loaded:
/// `with_telemetry(false)` acts only after the first files are written.
#[expect(unsafe_code, reason = "a process has one environment, which C code may read")]
fn disable_telemetry() {
    if std::env::var_os(TELEMETRY).is_none() {
        // SAFETY: Rust's own readers of the environment take a lock. C code that reads it without
        // one is, in this process, ONNX Runtime, which is not loaded yet: the caller holds the lock
        // of `LOADED`, and a process loads the library once.
        unsafe { std::env::set_var(TELEMETRY, "1") };
    }
}

/// The function that every ONNX Runtime library exports.
type GetApiBase = unsafe extern "C" fn() -> *const ort::sys::OrtApiBase;

/// Version that a library states.
#[expect(
    unsafe_code,
    reason = "a shared library can be asked for its version only by calling it"
)]
fn version(file: &Path) -> Result<String, String> {
    // SAFETY: loading a library runs its initializers. The file was named by the user, or lies
    // where only the user's own installations put ONNX Runtime, never beside data.
    let library = unsafe { libloading::Library::new(file) }.map_err(|error| {
        let said = std::error::Error::source(&error).map(ToString::to_string);
        format!("cannot be loaded: {}", said.unwrap_or_else(|| error.to_string()))
    })?;
    // SAFETY: every ONNX Runtime library exports this function with this type.
    let base = unsafe { library.get::<GetApiBase>(b"OrtGetApiBase") }.map_err(|_| {
        "not an ONNX Runtime library: it does not export OrtGetApiBase".to_owned()
    })?;
    // SAFETY: it takes nothing and returns a table, or null.
    let table = unsafe { base() };
    // SAFETY: the table is static where it is not null.
    let table = unsafe { table.as_ref() }.ok_or("OrtGetApiBase gave nothing")?;
    // SAFETY: the function takes nothing.
    let text = unsafe { (table.GetVersionString)() };
    // SAFETY: it returns a static string that ends in a zero byte.
    let text = unsafe { CStr::from_ptr(text.cast::<c_char>()) };
    let version = text.to_string_lossy().into_owned();
    // The library stays loaded: unloading ONNX Runtime and loading it again is not supported.
    std::mem::forget(library);
    Ok(version)
}

#[expect(
    unsafe_code,
    reason = "the bindings have no safe call for the list of providers"
)]
fn available_providers() -> Option<Vec<String>> {
    let api = ort::api();
    let (mut names, mut count) = (std::ptr::null_mut::<*mut c_char>(), 0);
    // SAFETY: both out-pointers are valid for the call; the array is given back below.
    let status = unsafe { (api.GetAvailableProviders)(&raw mut names, &raw mut count) };
    if !status.0.is_null() || names.is_null() {
        return None;
    }
    let length = usize::try_from(count).unwrap_or(0);
    // SAFETY: the runtime wrote `count` pointers there.
    let list = unsafe { std::slice::from_raw_parts(names, length) };
    let text = |&name: &*mut c_char| {
        // SAFETY: each points to a string that ends in a zero byte and lives until released.
        unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
    };
    let providers = list.iter().map(text).collect();
    // SAFETY: the array came from GetAvailableProviders and is not used after this.
    let _ = unsafe { (api.ReleaseAvailableProviders)(names, count) };
    Some(providers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_is_that_of_mcdrop_and_the_next_one_above() {
        let scratch = tempfile::tempdir().unwrap();
        let program = scratch.path().join("a/target/release/mcdrop");
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        let found = || checkout_of(&program).map(Path::to_owned);
        assert_eq!(found(), None);
        let write = |folder: &str, text: &str| {
            std::fs::write(scratch.path().join(folder).join("Cargo.toml"), text).unwrap();
        };
        write("", "[package]\nname = \"mcdrop\"\n");
        assert_eq!(found(), Some(scratch.path().to_owned()));
        write("a", "[package]\nname = \"other\"\n");
        assert_eq!(found(), None, "a checkout of another program");
        write("a", "[package]\nname = \"mcdrop\"\n");
        assert_eq!(found(), Some(scratch.path().join("a")));
    }

    #[test]
    fn sessions_share_an_arena() {
        assert!(Runtime::find(None).unwrap().shares_arena);
    }
}
