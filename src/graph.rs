//! From a graph to two graphs: what runs once an image, and what runs for every sample.
//!
//! [`Plan::new`] chooses the output that holds the scores, finds the live dropouts that reach
//! it, refuses what would make the result wrong, and cuts the graph: the **prefix** is
//! everything that no site can reach, the **suffix** everything downstream of one. Nodes fed by
//! constants alone belong to both sides. Shape arithmetic is never cut: it is rebuilt on the
//! suffix's side from the shapes of prefix tensors, so that it counts the rows of the suffix
//! and not those of the prefix.
//!
//! Nothing here computes a tensor. Which axis of a tensor is the batch is not known here; only
//! where a file's fixed batch size is opened it is followed, as a candidate that runs must prove.
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
mod prepare;
mod reach;
mod recognize;
mod repair;
mod reserved;
mod site;
mod split;
mod split_concat;
mod stand_in;
mod suspect;

pub use crate::head::ScoresOption;
pub(crate) use batch::{Preference, Shapes};
pub use candidates::{Candidate, InsertionPoint};
pub use choose::SiteOptions;
pub(crate) use converted_model::{EMBEDDED_SAMPLING, LIVE_MASKS};
pub use inspect::{Inspection, Verdict, inspect};
pub(crate) use prepare::ActiveSite;
pub use prepare::Survey;
#[cfg(test)]
pub(crate) use site::DropoutValues;
pub use site::{DropUnit, Site, SiteKind};
pub(crate) use site::{Mask, StochasticNode};
pub(crate) use split::{Growing, SuffixKind, TypedTensor};
pub use split::{Plan, SiteAxis};
pub use suspect::{Suspicion, Warning};
