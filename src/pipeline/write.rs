//! What is written for an image: its maps, and the numbers of its row.

use super::judge::Judged;
use super::observe::Observer;
use crate::error::Result;
use crate::input::{Decoded, Geometry, ImageFile};
use crate::measure::{Measure, PREDICTIVE_ENTROPY, image_level};
use crate::output::class_map;
use crate::output::colormap::Ramp;
use crate::output::folder::{OutputFolder, map_path};
use crate::output::format::Format;
use crate::output::heat_map::HeatMap;
use crate::output::overlay::{self, Caption, Photo};
use crate::output::resample::{self, Placement};
use crate::palette::Palette;
use crate::policy::Policy;
use crate::record::{MapSize, Precision};
use crate::sums::{Needs, Statistics};
use crate::tensor::Map;
use crate::tensor::Region;

/// What a run writes.
#[derive(Debug, Clone)]
pub struct OutputOptions {
    /// Measures of the table of rows.
    pub measures: Vec<&'static Measure>,
    /// Measures of which a map is written.
    pub maps: Vec<&'static Measure>,
    /// Whether class maps are written.
    pub prediction: bool,
    /// Whether overlays are written.
    pub overlay: bool,
    /// Formats of the measures' maps.
    pub formats: Vec<&'static Format>,
    /// The size of class maps and of the measures' maps; overlays have the image's.
    pub map_size: MapSize,
    /// Whether mean probabilities are kept, and how.
    pub keep_probabilities: Option<Precision>,
    /// What is decided about images.
    pub policy: Option<Policy>,
    /// Whether pictures and values are written for the page of the folder.
    pub report: bool,
}

impl OutputOptions {
    /// The sums over samples that the measures and maps need.
    pub fn needs(&self) -> Needs {
        let overlay = self.shows_entropy().then_some(&PREDICTIVE_ENTROPY);
        let of_policy = self.policy.iter().flat_map(Policy::measures);
        let measures = self.measures.iter().chain(&self.maps).copied();
        measures
            .chain(overlay)
            .chain(of_policy)
            .fold(Needs::default(), |needs, measure| needs.union(measure.needs))
    }

    fn shows_entropy(&self) -> bool {
        self.overlay || self.report
    }

    /// The measures whose values the page shows: those with a map, and the one of the overlay.
    pub(super) fn measures_of_page(&self) -> Vec<&'static Measure> {
        let has_entropy = self.maps.iter().any(|m| m.name == PREDICTIVE_ENTROPY.name);
        let entropy = (!has_entropy).then_some(&PREDICTIVE_ENTROPY);
        entropy.into_iter().chain(self.maps.iter().copied()).collect()
    }

    /// Every measure that some output needs, once.
    pub(super) fn computed(&self, map: bool) -> Vec<&'static Measure> {
        let overlay = self.shows_entropy().then_some(&PREDICTIVE_ENTROPY);
        let of_maps = self.maps.iter().copied().chain(overlay).filter(|_| map);
        let of_policy = self.policy.iter().flat_map(Policy::measures);
        let mut computed = self.measures.clone();
        for measure in of_maps.chain(of_policy) {
            if !computed.iter().any(|other| other.name == measure.name) {
                computed.push(measure);
            }
        }
        computed
    }
}

/// What a row needs to know of an image that was predicted.
pub(super) struct Written {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) numbers: ImageNumbers,
    /// The columns of the measures, in the header's order.
    pub(super) measures: Vec<f32>,
    /// What the policy says.
    pub(super) judged: Judged,
    pub(super) samples: u32,
    pub(super) sha256: [u8; 32],
}

pub(super) enum ImageNumbers {
    Class(ClassNumbers),
    Map { deterministic_probability: f32 },
}

pub(super) struct ClassNumbers {
    pub(super) class: u16,
    pub(super) name: String,
    pub(super) probability: f32,
    pub(super) deterministic_class: u16,
    pub(super) deterministic_probability: f32,
}

/// A predicted image on its way to files.
pub(super) struct Predicted {
    pub(super) decoded: Decoded,
    pub(super) geometry: Geometry,
    pub(super) statistics: Statistics,
    pub(super) samples: u32,
}

/// Writes the files of images.
pub(super) struct Writer<'a> {
    /// Threads that measures are computed on.
    pub(super) threads: rayon::ThreadPool,
    pub(super) folder: &'a OutputFolder,
    pub(super) options: &'a OutputOptions,
    pub(super) class_names: Option<&'a [String]>,
    pub(super) palette: Palette,
    /// Whether there are scores for each pixel.
    pub(super) map: bool,
    /// Who looks at predictions.
    pub(super) observer: Option<&'a dyn Observer>,
}

impl Writer<'_> {
    /// Computes the measures and writes every file of an image.
    pub(super) fn write(&self, file: &ImageFile, image: &Predicted) -> Result<Written> {
        let part = self.part(image);
        let maps: Vec<(&Measure, Map)> = self
            .options
            .computed(self.map)
            .into_iter()
            .map(|measure| (measure, part.crop_map(measure.map(&image.statistics))))
            .collect();
        let map_of = |wanted: &Measure| {
            maps.iter()
                .find(|(measure, _)| measure.name == wanted.name)
                .map(|(_, map)| map)
        };
        let mut columns = Vec::new();
        for map in self.options.measures.iter().filter_map(|measure| map_of(measure)) {
            columns.push(image_level::mean(map));
            if self.map {
                columns.push(image_level::patch_max(map));
                columns.push(image_level::quantile_95(map));
            }
        }
        if self.map {
            self.write_maps(file, image, &map_of)?;
        }
        if self.options.report {
            self.write_page_files(file, image, &map_of)?;
        }
        self.keep_probabilities(file, image, &maps)?;
        let judged = match &self.options.policy {
            Some(policy) => self.judge(policy, file, image, &map_of)?,
            None => Judged::default(),
        };
        if let Some(observer) = self.observer {
            observer.image(&self.observed(file, image, &maps));
        }
        Ok(Written {
            judged,
            width: image.decoded.picture.width,
            height: image.decoded.picture.height,
            numbers: self.numbers(image),
            measures: columns,
            samples: image.samples,
            sha256: image.decoded.sha256,
        })
    }

    /// The part of the network's plane that shows the image: what counts and is kept.
    pub(super) fn part(&self, image: &Predicted) -> Region {
        let (height, width) = (image.statistics.height(), image.statistics.width());
        if !self.map {
            return Region { rows: 0..height, columns: 0..width };
        }
        let (rows, columns) = image.geometry.valid();
        Region { rows, columns }
    }

    fn numbers(&self, image: &Predicted) -> ImageNumbers {
        let statistics = &image.statistics;
        let (deterministic_class, deterministic_probability) = statistics.deterministic();
        if self.map {
            let probability = self.part(image).crop_map(deterministic_probability);
            let deterministic_probability = image_level::mean(&probability);
            return ImageNumbers::Map { deterministic_probability };
        }
        let class = statistics.prediction().classes[0];
        let names = self.class_names.unwrap_or_default();
        ImageNumbers::Class(ClassNumbers {
            class,
            name: names.get(usize::from(class)).cloned().unwrap_or_default(),
            probability: statistics.probability().values[0],
            deterministic_class: deterministic_class.classes[0],
            deterministic_probability: deterministic_probability.values[0],
        })
    }

    /// The maps at the size that was asked for, and the overlay at the image's.
    fn write_maps<'m>(
        &self,
        file: &ImageFile,
        image: &Predicted,
        map_of: &impl Fn(&Measure) -> Option<&'m Map>,
    ) -> Result<()> {
        let (width, height) = (image.decoded.picture.width, image.decoded.picture.height);
        let placement = placement(&image.geometry);
        let n_classes = image.statistics.n_classes();
        let (map_placement, map_height, map_width) = self.map_placement(image);
        if self.options.prediction {
            let prediction = self.part(image).crop_classes(image.statistics.prediction());
            let classes =
                resample::classes(&prediction, &map_placement, map_height, map_width);
            let encoded = class_map::encode_png(&classes, n_classes, &self.palette);
            self.folder.save(&map_path("prediction", file.id(), "png"), encoded)?;
        }
        for measure in &self.options.maps {
            let Some(map) = map_of(measure) else { continue };
            let map = &resample::values(map, &map_placement, map_height, map_width);
            let heat = HeatMap {
                map,
                bound: measure.upper_bound(n_classes),
                ramp: ramp(measure),
            };
            for format in &self.options.formats {
                let path = map_path(measure.name, file.id(), format.extension);
                self.folder.save(&path, (format.encode)(&heat))?;
            }
        }
        if let (true, Some(map)) = (self.options.overlay, map_of(&PREDICTIVE_ENTROPY)) {
            let map = &resample::values(map, &placement, height, width);
            let heat = HeatMap {
                map,
                bound: PREDICTIVE_ENTROPY.upper_bound(n_classes),
                ramp: Ramp::Linear,
            };
            let rgb = &image.decoded.picture.to_rgb8();
            let photo = Photo { height, width, rgb };
            let caption =
                Caption { name: PREDICTIVE_ENTROPY.name, unit: PREDICTIVE_ENTROPY.unit };
            let encoded = overlay::encode_png(photo, &heat, caption);
            self.folder.save(&map_path("overlay", file.id(), "png"), encoded)?;
        }
        Ok(())
    }

    /// Where a map of the network's plane goes, and the rows and columns that it is written with.
    pub(super) fn map_placement(&self, image: &Predicted) -> (Placement, usize, usize) {
        let picture = &image.decoded.picture;
        match self.options.map_size {
            MapSize::Image => (placement(&image.geometry), picture.height, picture.width),
            MapSize::Network => {
                let part = self.part(image);
                (Placement::IDENTITY, part.rows.len(), part.columns.len())
            }
        }
    }
}

fn ramp(measure: &Measure) -> Ramp {
    if measure.sqrt_scale { Ramp::SquareRoot } else { Ramp::Linear }
}

/// Where the image lies in the part of the network's plane that shows it.
pub(super) fn placement(geometry: &Geometry) -> Placement {
    let (rows, columns) = geometry.valid();
    Placement {
        scale_x: geometry.resized_width as f64 / geometry.image_width as f64,
        scale_y: geometry.resized_height as f64 / geometry.image_height as f64,
        left: (geometry.left + columns.start.cast_signed()) as f64,
        top: (geometry.top + rows.start.cast_signed()) as f64,
    }
}
