//! `mcdrop doctor`: shows the ONNX Runtime that was found, and whether it works.

use std::path::PathBuf;

use clap::Args;

use super::{End, settings, terminal};
use crate::error::Result;
use crate::runtime::Runtime;
use crate::simd::Isa;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcdrop doctor
  mcdrop doctor --ort-lib /opt/onnxruntime/lib")]
pub(super) struct DoctorArguments {
    /// ONNX Runtime's library, or the folder that contains it.
    #[arg(long, value_name = "FILE")]
    ort_lib: Option<PathBuf>,
}

pub(super) fn run(arguments: &DoctorArguments) -> Result<End> {
    let line = |label: &str, value: &str| terminal::line(&format!("{label:<14} {value}"));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let supported: Vec<&str> = Isa::supported().iter().map(|isa| isa.name()).collect();
    line("mcdrop", env!("CARGO_PKG_VERSION"));
    line(
        "system",
        &format!("{} {}, {cores} cores", std::env::consts::OS, std::env::consts::ARCH),
    );
    line("kernels", &format!("{} (of {})", Isa::detect().name(), supported.join(", ")));
    let runtime = Runtime::find(arguments.ort_lib.as_deref())?;
    line("onnxruntime", &format!("{} (1.20 or newer is needed)", runtime.version()));
    line("library", &runtime.path().display().to_string());
    line("providers", &runtime.providers()?.join(", "));
    line("used", "CPUExecutionProvider");
    terminal::line(&"places tried, in order:");
    for place in runtime.tried() {
        terminal::line(&settings::to_options(place));
    }
    Ok(End::Done)
}
