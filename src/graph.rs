//! From a graph to two graphs: what runs once an image, and what runs for every sample.
//!
//! [`Plan::new`] chooses the output that holds the scores, finds the live dropouts that reach
//! it, refuses what would make the result wrong, and cuts the graph: the **prefix** is
//! everything that no site can reach, the **suffix** everything downstream of one. Nodes fed by
//! constants alone belong to both sides. Shape arithmetic is never cut: it is rebuilt on the
//! suffix's side from the shapes of prefix tensors, so that it counts the rows of the suffix
//! and not those of the prefix.
//!
//! Nothing here computes a tensor, and nothing here knows which axis of a tensor is the batch. Where
//! a file has a fixed batch size, the axis is guessed, and runs must prove the guess.
//!
//! Users read about sites in [`guide::sites`](crate::guide::sites).

mod apply;
mod batch;
mod candidates;
mod channels;
mod choose;
mod converted_model;
mod cut;
#[cfg(test)]
mod hostile_tests;
mod inline;
mod insert;
mod inspect;
#[cfg(test)]
mod made;
mod plan;
mod prepare;
mod reach;
mod recognize;
mod repair;
mod reserved;
mod site;
mod split_concat;
mod suspect;

pub use crate::head::{HeadChoice, HeadOptions, ScoresOption};
pub(crate) use batch::{
    BatchGuess, Shapes, size_model, suspected_reason, with_open_batch,
};
pub use candidates::{Candidate, InsertionPoint};
pub use choose::SiteOptions;
pub(crate) use converted_model::{EMBEDDED_SAMPLING, LIVE_MASKS};
pub use inspect::{Inspection, Verdict, inspect};
pub(crate) use plan::{Growing, LastResize, SuffixKind, TypedTensor};
pub use plan::{Plan, SiteAxis};
pub(crate) use prepare::ActiveSite;
pub use prepare::Survey;
#[cfg(test)]
pub(crate) use site::DropoutValues;
pub use site::{DropUnit, Site, SiteKind};
pub(crate) use site::{Mask, StochasticNode};
pub(crate) use split_concat::with_concatenations_split;
pub use suspect::{Suspicion, Warning};
