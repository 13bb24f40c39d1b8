//! Pages for users (the folder `docs`), and the architecture of the crate.
#![allow(clippy::doc_markdown, reason = "the pages are prose for users")]

macro_rules! pages {
    ($($name:ident: $file:literal,)*) => {
        $(#[doc = include_str!(concat!("../docs/", $file))] pub mod $name {})*
    };
}

pages! {
    architecture: "../ARCHITECTURE.md",
    conversion: "conversion.md",
    evaluation: "evaluation.md",
    exporting: "exporting.md",
    figures: "figures.md",
    formats: "formats.md",
    images: "images.md",
    labels: "labels.md",
    measures: "measures.md",
    options: "options.md",
    page: "page.md",
    results: "results.md",
    security: "security.md",
    sidecar: "sidecar.md",
    sites: "sites.md",
    speed: "speed.md",
    tasks: "tasks.md",
    thresholds: "thresholds.md",
}
