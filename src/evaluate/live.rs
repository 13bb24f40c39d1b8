//! Images that are evaluated while they are predicted, and not kept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

use super::folder::{Folder, Prediction};
use super::stream::{Counted, Counter, Truth, layout, summarize};
use crate::error::{Error, Result};
use crate::metric::Layout;
use crate::pipeline::{Observed, Observer};

/// Opens labels for a run, once it is known what it predicts.
type OpenTruth<'a> = dyn Fn(&Folder) -> Result<Truth> + Sync + 'a;

/// Counts predictions as they are made.
///
/// The numbers are those of [`evaluate`](super::evaluate) with probabilities kept in f32.
pub struct Live<'a> {
    path: PathBuf,
    open_truth: &'a OpenTruth<'a>,
    tell: &'a (dyn Fn(&super::Event<'_>) + Sync),
    begun: OnceLock<Begun>,
}

struct Begun {
    folder: Folder,
    truth: Truth,
    layout: Layout,
    counter: Mutex<Counter>,
}

impl fmt::Debug for Live<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<'a> Live<'a> {
    /// For a run into a folder; `tell` hears of images without a usable label.
    pub fn new(
        path: &Path,
        open_truth: &'a OpenTruth<'a>,
        tell: &'a (dyn Fn(&super::Event<'_>) + Sync),
    ) -> Self {
        Self { path: path.to_owned(), open_truth, tell, begun: OnceLock::new() }
    }

    /// What was counted, once the run is over, and its folder.
    ///
    /// # Errors
    /// If no image has labels.
    pub fn finish(self, n_failed: usize) -> Result<(Folder, Counted)> {
        let Some(begun) = self.begun.into_inner() else {
            return Err(Error::runtime("evaluating", "the run did not begin"));
        };
        let counter = begun.counter.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut folder = begun.folder;
        folder.n_failed = n_failed;
        let counted = counter.finish()?;
        Ok((folder, counted))
    }
}

impl Observer for Live<'_> {
    fn begin(&self, record: &Value) -> Result<()> {
        let folder = Folder::of_record(&self.path, record.clone())?;
        let truth = (self.open_truth)(&folder)?;
        let layout = layout(&folder, &truth)?;
        let counter = Mutex::new(Counter::new(layout.clone()));
        self.begun
            .set(Begun { folder, truth, layout, counter })
            .map_err(|_| Error::runtime("evaluating", "the run began twice"))
    }

    fn image(&self, image: &Observed<'_>) {
        let Some(begun) = self.begun.get() else { return };
        let prediction = Prediction {
            size: image.size,
            probabilities: &image.probabilities,
            deterministic: (&image.deterministic.0, &image.deterministic.1),
            measures: image.measures.clone(),
        };
        let found = summarize(&prediction, &begun.truth, image.id, &begun.layout);
        let mut counter = begun.counter.lock().unwrap_or_else(PoisonError::into_inner);
        counter.add(image.id, found, &mut |event| (self.tell)(&event));
    }
}
