//! Computes the record of an image and writes its files.

use std::cell::OnceCell;

use super::job::OutputOptions;
use super::memory_budget::Admitted;
use super::observe::{LabelArrays, Observed, Observer, TargetArrays, VALUE_ARRAYS};
use super::scales::Scales;
use crate::error::Result;
use crate::input::{Decoded, Geometry, ImageFile, hexadecimal};
use crate::measure::{
    ALEATORIC_VALUE_VARIANCE, EPISTEMIC_VALUE_VARIANCE, LABEL_PROBABILITY, Measure, VALUE,
};
use crate::metric::DeterministicPass;
use crate::npy;
use crate::output::class_map;
use crate::output::folder::{OutputFolder, map_path};
use crate::output::heat_map::HeatMap;
use crate::output::overlay::{self, Caption, Photo};
use crate::output::resample::{self, Placement};
use crate::palette::Palette;
use crate::policy::{ImageScore, LabelThresholds, deterministic_score_of_labels};
use crate::record::{ImageRecord, MapSize, Precision};
use crate::sums::Statistics;
use crate::task::{ImagePrediction, ModelTask, NamedColumn, Quantity, Target};
use crate::tensor::ImageShape;
use crate::tensor::{ClassMap, Map, Region};

/// A predicted image whose files are not written yet.
pub(super) struct Predicted {
    pub(super) decoded: Decoded,
    pub(super) geometry: Geometry,
    pub(super) statistics: Statistics,
    pub(super) samples: u32,
    /// Memory of the image, which is returned after its files were written.
    #[expect(dead_code, reason = "it acts when it is dropped")]
    pub(super) admitted: Option<Admitted>,
}

/// Writes the files of images.
pub(super) struct Writer<'a> {
    /// Threads on which measures are computed.
    pub(super) threads: rayon::ThreadPool,
    pub(super) folder: &'a OutputFolder,
    pub(super) options: &'a OutputOptions,
    pub(super) class_names: Option<&'a [String]>,
    pub(super) palette: Palette,
    pub(super) task: &'a ModelTask,
    pub(super) scales: &'a Scales,
    /// The hook that receives each prediction.
    pub(super) observer: Option<&'a dyn Observer>,
}

/// A predicted image and the results computed from its statistics, each computed at most once.
pub(super) struct ImageResult<'a> {
    pub(super) id: &'a str,
    pub(super) image: &'a Predicted,
    /// Part of the network's plane that shows the image, without padding.
    pub(super) region: Region,
    /// Maps of the measures in the region.
    measures: Vec<(Quantity, Map)>,
    classes: OnceCell<ClassMap>,
    probabilities: OnceCell<Vec<f32>>,
    deterministic: OnceCell<(Vec<u16>, Vec<f32>)>,
}

impl ImageResult<'_> {
    /// Returns the map of a quantity, if an output needs it.
    pub(super) fn map_of(&self, name: &str) -> Option<&Map> {
        let mut maps = self.measures.iter();
        maps.find(|(quantity, _)| quantity.name == name).map(|(_, map)| map)
    }

    /// Returns the predicted classes.
    pub(super) fn classes(&self) -> &ClassMap {
        self.classes
            .get_or_init(|| self.region.crop_classes(self.image.statistics.prediction()))
    }

    /// Returns the mean probabilities, one plane per class.
    pub(super) fn probabilities(&self) -> &[f32] {
        self.probabilities.get_or_init(|| {
            let statistics = &self.image.statistics;
            let whole = (statistics.height(), statistics.width());
            self.region.crop_planes(statistics.mean(), whole)
        })
    }

    /// Returns the classes of the pass without dropout, and their probabilities.
    pub(super) fn deterministic(&self) -> DeterministicPass<'_> {
        let (classes, probabilities) = self.deterministic.get_or_init(|| {
            let (class, probability) = self.image.statistics.deterministic();
            let classes = self.region.crop_classes(class).classes;
            (classes, self.region.crop_map(probability).values)
        });
        DeterministicPass { classes, probabilities }
    }

    /// Returns whether a measure is computed, for any target.
    fn has_measure(&self, measure: &Measure) -> bool {
        self.measures.iter().any(|(quantity, _)| quantity.measure.name == measure.name)
    }

    /// Returns the values of a target of a regression.
    fn target(&self, target: usize) -> TargetArrays {
        let statistics = &self.image.statistics;
        let crop = |map: Map| self.region.crop_map(map).values;
        let of = |measure: &Measure| crop(measure.map_of_channel(statistics, target));
        let (value, variance) = statistics.deterministic_channel(target);
        TargetArrays {
            size: self.size(),
            value: of(&VALUE),
            epistemic_variance: of(&EPISTEMIC_VALUE_VARIANCE),
            aleatoric_variance: of(&ALEATORIC_VALUE_VARIANCE),
            deterministic_value: crop(value),
            deterministic_variance: crop(variance),
        }
    }

    /// Returns the score of the pass without dropout: of a target if the score has one, else of labels.
    pub(super) fn deterministic_score(&self, score: &ImageScore) -> Map {
        match score.channel {
            Some(target) => self.deterministic_std(target),
            None => self.deterministic_score_of_labels(),
        }
    }

    /// Returns the standard deviation of a target that the pass without dropout predicts.
    fn deterministic_std(&self, target: usize) -> Map {
        let (_, variance) = self.image.statistics.deterministic_channel(target);
        let mut std = self.region.crop_map(variance);
        for value in &mut std.values {
            *value = value.sqrt();
        }
        std
    }

    /// Returns the values of a label, with those of the measures `scores`.
    fn label(&self, label: usize, scores: &[&Measure]) -> LabelArrays {
        let statistics = &self.image.statistics;
        let crop = |map: Map| self.region.crop_map(map).values;
        let of = |measure: &Measure| crop(measure.map_of_channel(statistics, label));
        LabelArrays {
            size: self.size(),
            probability: of(&LABEL_PROBABILITY),
            deterministic_probability: crop(statistics.deterministic_channel(label).0),
            scores: scores.iter().map(|measure| of(measure)).collect(),
        }
    }

    /// Returns a map that is 1 where a label has at least a probability, and otherwise 0.
    pub(super) fn holds(&self, label: usize, threshold: f32) -> ClassMap {
        let map = LABEL_PROBABILITY.map_of_channel(&self.image.statistics, label);
        let Map { height, width, values } = self.region.crop_map(map);
        let classes = values.iter().map(|p| u16::from(*p >= threshold)).collect();
        ClassMap { height, width, classes }
    }

    /// Returns the score of labels in the pass without dropout.
    fn deterministic_score_of_labels(&self) -> Map {
        let statistics = &self.image.statistics;
        let planes = (0..self.n_classes()).map(|label| {
            let (probability, _) = statistics.deterministic_channel(label);
            self.region.crop_map(probability).values
        });
        let planes: Vec<Vec<f32>> = planes.collect();
        let values = deterministic_score_of_labels(planes.iter().map(Vec::as_slice));
        let (height, width) = self.size();
        Map { height, width, values }
    }

    /// Returns the numbers of rows and columns of the region.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.region.rows.len(), self.region.columns.len())
    }

    pub(super) fn n_classes(&self) -> usize {
        self.image.statistics.n_classes()
    }
}

impl Writer<'_> {
    /// Computes the measures and writes every file of an image.
    pub(super) fn write(
        &self,
        file: &ImageFile,
        image: &Predicted,
    ) -> Result<ImageRecord> {
        let region = self.region(image);
        let measures = self.options.computed(self.task).into_iter();
        let measures = measures.map(|quantity| {
            let map = region.crop_map(quantity.map(&image.statistics));
            (quantity, map)
        });
        let result = ImageResult {
            id: file.id(),
            image,
            measures: measures.collect(),
            region,
            classes: OnceCell::new(),
            probabilities: OnceCell::new(),
            deterministic: OnceCell::new(),
        };
        let mut record = self.record(&result);
        if self.task.has_maps() {
            self.write_maps(&result)?;
        }
        #[cfg(feature = "report")]
        if self.options.report {
            self.write_page_files(&result)?;
        }
        if let Some(precision) = self.options.keep_probabilities {
            self.keep_arrays(&result, precision)?;
        }
        if let Some(policy) = &self.options.policy {
            self.apply_policy(policy, &result, &mut record)?;
        }
        if let Some(observer) = self.observer {
            observer.image(&self.observed(&result));
        }
        Ok(record)
    }

    fn region(&self, image: &Predicted) -> Region {
        if !self.task.has_maps() {
            return Region::whole(image.statistics.height(), image.statistics.width());
        }
        let (rows, columns) = image.geometry.valid();
        Region { rows, columns }
    }

    /// Returns the record without the columns of a policy.
    fn record(&self, result: &ImageResult<'_>) -> ImageRecord {
        let Predicted { decoded, statistics, samples, .. } = result.image;
        let of_policy = self.options.policy.as_ref();
        let label_thresholds = of_policy.and_then(|policy| policy.labels.as_ref());
        let label_thresholds =
            label_thresholds.map(LabelThresholds::values).unwrap_or_default();
        let prediction = ImagePrediction {
            statistics,
            region: &result.region,
            class_names: self.class_names.unwrap_or_default(),
            channel: 0,
            std_factors: self.task.std_factors(0),
            label_thresholds: &label_thresholds,
        };
        let columns = self.task.prediction_columns().into_iter();
        let prediction = columns.map(|(_, NamedColumn { column, channel })| {
            let std_factors = self.task.std_factors(channel);
            Some((column.value)(&ImagePrediction { channel, std_factors, ..prediction }))
        });
        let mut measures = Vec::new();
        let listed = self.options.table_measures(self.task.task);
        for quantity in self.task.quantities(&listed) {
            let Some(map) = result.map_of(&quantity.name) else { continue };
            let columns = quantity.columns(self.task.task);
            measures.extend(columns.iter().map(|(_, value)| value(map)));
        }
        ImageRecord {
            path: result.id.to_owned(),
            width: u32::try_from(decoded.picture.width).ok(),
            height: u32::try_from(decoded.picture.height).ok(),
            orientation: decoded.orientation,
            prediction: prediction.collect(),
            measures,
            samples: Some(*samples),
            sha256: Some(hexadecimal(&decoded.sha256)),
            ..ImageRecord::default()
        }
    }

    /// Writes the maps at the chosen size, and the overlay at the size of the image.
    fn write_maps(&self, result: &ImageResult<'_>) -> Result<()> {
        if self.options.prediction && self.task.task.has_class_maps() {
            let (placement, height, width) = self.map_placement(result);
            let classes = resample::classes(result.classes(), &placement, height, width);
            let encoded =
                class_map::encode_png(&classes, result.n_classes(), &self.palette);
            self.folder.save(&map_path("prediction", result.id, "png"), encoded)?;
        }
        let maps = self.options.map_measures(self.task.task);
        for quantity in self.task.quantities(&maps) {
            self.write_map(result, &quantity)?;
        }
        if self.options.overlay {
            self.write_overlay(result)?;
        }
        Ok(())
    }

    fn write_map(&self, result: &ImageResult<'_>, quantity: &Quantity) -> Result<()> {
        let Some(map) = result.map_of(&quantity.name) else { return Ok(()) };
        let (placement, height, width) = self.map_placement(result);
        let map = &resample::values(map, &placement, height, width);
        let scale = self.scales.of(quantity, result.n_classes());
        let heat = HeatMap { map, scale };
        for format in &self.options.formats {
            let path = map_path(&quantity.name, result.id, format.extension);
            self.folder.save(&path, (format.encode)(&heat))?;
        }
        Ok(())
    }

    fn write_overlay(&self, result: &ImageResult<'_>) -> Result<()> {
        let overview = self.task.overview();
        let Some(map) = result.map_of(&overview.name) else { return Ok(()) };
        let picture = &result.image.decoded.picture;
        let (width, height) = (picture.width, picture.height);
        let placement = placement(&result.image.geometry);
        let map = &resample::values(map, &placement, height, width);
        let scale = self.scales.of(&overview, result.n_classes());
        let heat = HeatMap { map, scale };
        let rgb = &picture.to_rgb8();
        let photo = Photo { height, width, rgb };
        let unit = &self.task.unit(overview.measure);
        let caption = Caption { name: &overview.name, unit };
        let encoded = overlay::encode_png(photo, &heat, caption);
        self.folder.save(&map_path("overlay", result.id, "png"), encoded)
    }

    /// Returns the placement, and the numbers of rows and columns, with which maps are written.
    pub(super) fn map_placement(
        &self,
        result: &ImageResult<'_>,
    ) -> (Placement, usize, usize) {
        let picture = &result.image.decoded.picture;
        match self.options.map_size {
            MapSize::Image => {
                (placement(&result.image.geometry), picture.height, picture.width)
            }
            MapSize::Network => {
                let (height, width) = result.size();
                (Placement::IDENTITY, height, width)
            }
        }
    }

    /// Writes mean probabilities, the pass without dropout and the measures as arrays, at the size
    /// of the network without padding.
    fn keep_arrays(&self, result: &ImageResult<'_>, precision: Precision) -> Result<()> {
        let (height, width) = result.size();
        if self.task.task.target != Target::Class {
            self.keep_deterministic(result)?;
            return self.keep_quantities(result);
        }
        let shape = [result.n_classes(), height, width];
        let encoded = match precision {
            Precision::F32 => npy::encode_f32(&shape, result.probabilities()),
            Precision::F16 => npy::encode_f16(&shape, result.probabilities()),
        };
        self.folder.save(&map_path("probabilities", result.id, "npy"), encoded)?;
        let DeterministicPass { classes, probabilities } = result.deterministic();
        let classes = classes.iter().copied().map(f32::from);
        let values: Vec<f32> = classes.chain(probabilities.iter().copied()).collect();
        let encoded = npy::encode_f32(&[2, height, width], &values);
        self.folder.save(&map_path("deterministic", result.id, "npy"), encoded)?;
        self.keep_quantities(result)
    }

    fn keep_quantities(&self, result: &ImageResult<'_>) -> Result<()> {
        let (height, width) = result.size();
        for (quantity, map) in &result.measures {
            let encoded = npy::encode_f32(&[height, width], &map.values);
            self.folder.save(&map_path(&quantity.name, result.id, "npy"), encoded)?;
        }
        Ok(())
    }

    /// Writes the pass without dropout of each label or target as an array `[2 C, H, W]`: the values
    /// of all, then what that pass leaves open, the entropies or the variances.
    fn keep_deterministic(&self, result: &ImageResult<'_>) -> Result<()> {
        let (height, width) = result.size();
        let n = result.n_classes();
        let maps = (0..n).map(|channel| {
            let (value, within) = result.image.statistics.deterministic_channel(channel);
            let crop = |map: Map| result.region.crop_map(map).values;
            (crop(value), crop(within))
        });
        let (values, within): (Vec<_>, Vec<_>) = maps.unzip();
        let all: Vec<f32> = values.into_iter().chain(within).flatten().collect();
        let encoded = npy::encode_f32(&[2 * n, height, width], &all);
        self.folder.save(&map_path("deterministic", result.id, "npy"), encoded)
    }

    fn observed<'r>(&self, result: &'r ImageResult<'_>) -> Observed<'r> {
        let chosen = self.options.table_measures(self.task.task);
        let listed = self.task.task.measures.iter();
        let listed = listed.filter(|m| chosen.iter().any(|one| one.name == m.name));
        let shape = ImageShape {
            height: result.image.decoded.picture.height,
            width: result.image.decoded.picture.width,
            orientation: result.image.decoded.orientation,
        };
        let empty = Observed {
            id: result.id,
            size: result.size(),
            shape,
            probabilities: &[],
            deterministic: DeterministicPass { classes: &[], probabilities: &[] },
            measures: Vec::new(),
            targets: Vec::new(),
            labels: Vec::new(),
        };
        match self.task.task.target {
            Target::Value => {
                let is_computed = VALUE_ARRAYS.iter().all(|m| result.has_measure(m));
                let n_targets = if is_computed { result.n_classes() } else { 0 };
                let targets = (0..n_targets).map(|target| result.target(target));
                Observed { targets: targets.collect(), ..empty }
            }
            Target::Labels => {
                let scores: Vec<&Measure> =
                    listed.filter(|m| m.name != LABEL_PROBABILITY.name).collect();
                let labels = 0..result.n_classes();
                let labels = labels.map(|label| result.label(label, &scores)).collect();
                Observed { labels, ..empty }
            }
            Target::Class => Observed {
                probabilities: result.probabilities(),
                deterministic: result.deterministic(),
                measures: listed
                    .filter_map(|measure| {
                        Some(result.map_of(measure.name)?.values.as_slice())
                    })
                    .collect(),
                ..empty
            },
        }
    }
}

/// Returns the placement of the image in its region of the network's plane.
pub(super) fn placement(geometry: &Geometry) -> Placement {
    let (rows, columns) = geometry.valid();
    Placement {
        scale_x: geometry.resized_width as f64 / geometry.image_width as f64,
        scale_y: geometry.resized_height as f64 / geometry.image_height as f64,
        left: (geometry.left + columns.start.cast_signed()) as f64,
        top: (geometry.top + rows.start.cast_signed()) as f64,
    }
}
