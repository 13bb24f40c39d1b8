//! `mcdrop evaluate`: a prediction folder against labels.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;

use super::names;
use super::{End, terminal};
use crate::error::{Error, Result};
use crate::evaluate::{self, Counted, Event, Folder, Labels, Rename};
use crate::input::label::LabelOptions;
use crate::metric::{METRICS, Per, Value, Verdict};
use crate::output::folder::METRICS as METRICS_FILE;
use crate::palette::Palette;
use crate::sampling::SamplingOptions;

const EXAMPLES: &str = "\
Examples:
  mcdrop predict model.onnx val -o out --keep-probabilities=f16
  mcdrop evaluate out --labels labels/
  mcdrop evaluate out --labels gtFine/ --match '(.*)_leftImg8bit' '$1_gtFine_labelTrainIds'
  mcdrop evaluate out --labels labels.csv                 # classification: path,label
  mcdrop evaluate out --labels val/ --ood out-strange     # folders named after classes";

const MEANING: &str = "\
Writes metrics.json (every metric by a flat key, with a 95 % interval over images) and curves/*.csv
and .svg into OUT. Scores are compared with \"deterministic\": one less the probability of the pass
without dropout, against that pass's own class. Label maps of another size than the prediction are
read at the prediction's pixels (nearest). Every metric counts all items of the folder alike.";

/// Ids that usually mean "no label".
const USUALLY_IGNORED: u32 = 255;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{MEANING}"))]
pub(super) struct EvaluateArguments {
    /// A folder that predict --keep-probabilities wrote.
    #[arg(value_name = "OUT")]
    folder: PathBuf,
    /// Label maps (PNG or .npy) by the images' relative paths; for classification a CSV with
    /// path,label or a folder for each class.
    #[arg(long, value_name = "FOLDER|FILE")]
    labels: PathBuf,
    /// What images' paths look like without their ending, and what labels' look like then.
    #[arg(long = "match", value_names = ["PATTERN", "NAME"], num_args = 2)]
    rename: Option<Vec<String>>,
    /// Ids in label maps that mean "no label" [default: 255, where that is no class].
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    ignore_index: Option<Vec<u32>>,
    /// Id 0 means "no label", and every other class counts one less (ADE20K).
    #[arg(long)]
    reduce_zero_label: bool,
    /// The colours of the classes, for label maps of colours: cityscapes, camvid, voc, ade20k,
    /// or a file of them.
    #[arg(long, value_name = "NAME|FILE")]
    label_colors: Option<String>,
    /// Predictions of images of another kind, which scores should tell apart.
    #[arg(long, value_name = "OUT")]
    ood: Option<PathBuf>,
    /// Threads [default: one a core].
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<1024, u32>)]
    threads: Option<u32>,
}

pub(super) fn run(arguments: &EvaluateArguments) -> Result<End> {
    let folder = Folder::open(&arguments.folder)?;
    let labels = arguments.labels(&folder)?;
    let strange = arguments.ood.as_deref().map(Folder::open).transpose()?;
    let cores = SamplingOptions::default().threads;
    let threads = arguments.threads.map_or(cores, |threads| threads as usize);
    let tell = &mut |event: Event<'_>| match event {
        Event::Counted { .. } => {}
        Event::Missing { id, wanted } => {
            terminal::warning(&format!("\"{id}\" has no label: {wanted}"));
        }
        Event::Failed { id, error } => {
            terminal::warning(&format!("\"{id}\" is not counted: {error}"));
            if let Some(hint) = error.hint() {
                terminal::hint(hint);
            }
        }
    };
    let counted = evaluate::evaluate(&folder, &labels, strange.as_ref(), threads, tell)?;
    evaluate::write(&folder, &counted)?;
    terminal::line(&table(&counted));
    terminal::note(&format!(
        "{} images, {} labelled items: {}",
        counted.evaluation.n_images().0,
        counted.evaluation.n_items(),
        arguments.folder.join(METRICS_FILE).display()
    ));
    let all_counted = counted.missing == 0 && counted.failed == 0;
    Ok(if all_counted { End::Done } else { End::SomeImagesFailed })
}

impl EvaluateArguments {
    fn labels(&self, folder: &Folder) -> Result<Labels> {
        let of_maps = [
            ("--match", self.rename.is_some()),
            ("--ignore-index", self.ignore_index.is_some()),
            ("--reduce-zero-label", self.reduce_zero_label),
            ("--label-colors", self.label_colors.is_some()),
        ];
        let typed = of_maps.into_iter().find(|(_, is_typed)| *is_typed && !folder.is_map);
        if let Some((option, _)) = typed {
            let message = "is about label maps, and this folder is of a classification";
            return Err(Error::setting(option, message).with_hint("leave it out"));
        }
        let rename = match self.rename.as_deref() {
            Some([pattern, name]) => Some(Rename::new(pattern, name)?),
            _ => None,
        };
        let usually: &[u32] = if folder.n_classes <= USUALLY_IGNORED as usize {
            &[USUALLY_IGNORED]
        } else {
            &[]
        };
        let options = LabelOptions {
            ignored: self.ignore_index.clone().unwrap_or_else(|| usually.to_vec()),
            reduce_zero: self.reduce_zero_label,
            colors: self.colors(folder.n_classes)?,
        };
        Labels::open(&self.labels, folder, rename, options)
    }

    fn colors(&self, n_classes: usize) -> Result<HashMap<[u8; 3], u16>> {
        let Some(typed) = &self.label_colors else { return Ok(HashMap::new()) };
        let palette = Palette::by_name(typed).or_else(|_| {
            let text = std::fs::read_to_string(typed)
                .map_err(|error| Error::read(typed.as_ref(), error))?;
            Palette::parse(&text).map_err(|message| {
                Error::setting("--label-colors", format!("{typed}: {message}")).with_hint(
                    "name a file with a colour a line, or a palette: cityscapes, camvid",
                )
            })
        })?;
        let classes = 0..u16::try_from(n_classes).unwrap_or(u16::MAX);
        Ok(classes.rev().map(|class| (palette.color(class), class)).collect())
    }
}

/// The metrics for people: those of the predictions, then what scores find.
fn table(counted: &Counted) -> String {
    let mut lines = vec![format!("{:<44} {:>9}  {}", "metric", "value", "95 % interval")];
    let is_whole = |value: &&Value| {
        METRICS
            .iter()
            .any(|metric| metric.name == value.metric && metric.per == Per::Whole)
    };
    lines.extend(counted.metrics.iter().filter(is_whole).filter_map(|v| line(v, &v.key)));
    for (metric, title) in [
        ("misclassification.auroc", "finding wrong items: AUROC by"),
        ("augrc", "failures that go unnoticed: AUGRC by"),
        ("ood.auroc", "finding images of the other kind: AUROC by"),
    ] {
        let prefix = format!("{metric}.");
        let of_metric = counted.metrics.iter().filter(|value| value.metric == metric);
        let rows: Vec<String> = of_metric
            .filter_map(|v| line(v, &format!("  {}", v.key.strip_prefix(&prefix)?)))
            .collect();
        if !rows.is_empty() {
            lines.extend([String::new(), title.to_owned()]);
            lines.extend(rows);
        }
    }
    lines.extend(images(counted));
    lines.join("\n")
}

fn line(value: &Value, name: &str) -> Option<String> {
    let interval = match value.interval {
        Some((low, high)) => format!("{low:.4} to {high:.4}"),
        None => String::new(),
    };
    Some(format!("{name:<44} {:>9.4}  {interval}", value.value?).trim_end().to_owned())
}

/// Which number of an image finds the bad ones.
fn images(counted: &Counted) -> Option<String> {
    let ranking = counted.evaluation.rank_images();
    let best = ranking.candidates.first()?;
    let name = format!("{}, {}", best.score, best.aggregation);
    let said = match ranking.verdict {
        Verdict::Best => format!("{name} finds them better than every other number"),
        Verdict::Tie(n) => {
            format!(
                "{name} is first, but {n} others cannot be told from it on these images"
            )
        }
        Verdict::TooFew => format!("{name} is first, of too few images to tell"),
        Verdict::NothingToFind => return None,
    };
    Some(format!(
        "\nfinding images with many wrong items (AURC {:.4}): {said}",
        best.aurc
    ))
}
