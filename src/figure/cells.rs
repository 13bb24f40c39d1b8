//! Reads what a cell of a figure shows, and colors it.

use std::collections::BTreeSet;
use std::io;

use super::color_bar::ColorScale;
use super::columns::{Column, Content};
use super::{Crop, NOTHING, Source};
use crate::error::{Error, Result};
use crate::evaluate::{ImageLabels, LabelValues, PredictedImage};
use crate::output::class_map;
use crate::output::folder::map_path;
use crate::output::sheet::{PictureRegion, RgbPicture};
use crate::palette::Palette;
use crate::record::ImageRecord;
use crate::report::{
    PageLabels, map_files, map_place, original_image, read_map, scale_of_run,
};
use crate::task::Quantity;
use crate::tensor::{ClassMap, Map};

/// Colors of right and wrong pixels.
const RIGHT: [u8; 3] = [18, 92, 96];
const WRONG: [u8; 3] = [240, 128, 36];

/// The content of a cell.
pub(super) enum Cell {
    Picture(RgbPicture),
    Classes(ClassMap),
    /// 1 where the class is wrong.
    Wrong(ClassMap),
    Values(Map),
    /// Nothing, for a reason.
    Missing(&'static str),
}

/// What occurs in the cells of a figure, for its legend.
#[derive(Default)]
pub(super) struct Occurring {
    pub(super) classes: BTreeSet<u16>,
    pub(super) has_errors: bool,
    pub(super) has_unlabeled: bool,
    pub(super) has_unpredicted: bool,
}

/// An image whose cells are read.
pub(super) struct CellReader<'a> {
    source: &'a Source<'a>,
    row: &'a ImageRecord,
    picture: RgbPicture,
}

impl<'a> CellReader<'a> {
    /// Reads the image of a row.
    pub(super) fn open(source: &'a Source<'a>, row: &'a ImageRecord) -> Result<Self> {
        let picture = read_original(source, row)?;
        if let Some(crop) = source.options.crop {
            check_crop(crop, &picture, row)?;
        }
        Ok(Self { source, row, picture })
    }

    /// Returns the width and height of what is shown.
    pub(super) fn shown_size(&self) -> (usize, usize) {
        let whole = (self.picture.width, self.picture.height);
        self.source.options.crop.map_or(whole, |crop| (crop.width, crop.height))
    }

    /// Returns the image, whole.
    pub(super) fn original(self) -> RgbPicture {
        self.picture
    }

    /// Reads a cell.
    pub(super) fn read(&self, column: &Column) -> Result<Cell> {
        Ok(match &column.content {
            Content::Image => Cell::Picture(self.picture.clone()),
            Content::ClassPrediction => Cell::Classes(self.classes()?),
            Content::ClassLabel => {
                let prediction = self.classes()?;
                match self.true_classes(&prediction)? {
                    Some(classes) => Cell::Classes(classes),
                    None => Cell::Missing(NO_LABEL),
                }
            }
            Content::ClassError => {
                let prediction = self.classes()?;
                match self.true_classes(&prediction)? {
                    Some(labels) => Cell::Wrong(wrong(&prediction, &labels)),
                    None => Cell::Missing(NO_LABEL),
                }
            }
            Content::Values(quantity) => Cell::Values(self.values(quantity)?),
            Content::ValueLabel(quantity) => {
                let values = self.values(quantity)?;
                match self.true_values(quantity, &values)? {
                    Some(labels) => Cell::Values(labels),
                    None => Cell::Missing(NO_LABEL),
                }
            }
            Content::ValueError(quantity) => {
                let mut values = self.values(quantity)?;
                match self.true_values(quantity, &values)? {
                    Some(labels) => {
                        for (value, label) in values.values.iter_mut().zip(labels.values)
                        {
                            *value = (*value - label).abs();
                        }
                        Cell::Values(values)
                    }
                    None => Cell::Missing(NO_LABEL),
                }
            }
        })
    }

    /// Reads the map of predicted classes.
    fn classes(&self) -> Result<ClassMap> {
        let Source { run, folder, .. } = self.source;
        let file = map_path("prediction", &self.row.path, "png");
        let map = run
            .files
            .read_file(&file)
            .and_then(|bytes| class_map::decode_png(&bytes, folder.n_classes))
            .map_err(|error| Error::read(&run.path.join(&file), error))?;
        self.check_place((map.width, map.height))?;
        Ok(map)
    }

    /// Reads the map of a quantity from its most exact file that can be read.
    fn values(&self, quantity: &Quantity) -> Result<Map> {
        let Source { run, .. } = self.source;
        let scale = scale_of_run(run, quantity);
        let mut failed = None;
        for (format, file) in map_files(run, &quantity.name, &self.row.path) {
            match read_map(run, &file, format, scale) {
                Ok(map) => {
                    self.check_place((map.width, map.height))?;
                    return Ok(map);
                }
                Err(error) => failed = Some(Error::read(&run.path.join(file), error)),
            }
        }
        Err(failed.unwrap_or_else(|| {
            let file = map_path(&quantity.name, &self.row.path, "png");
            Error::read(&run.path.join(file), io::ErrorKind::NotFound.into())
        }))
    }

    fn check_place(&self, map: (usize, usize)) -> Result<()> {
        let size = (self.picture.width, self.picture.height);
        if map.0 == 0 || map.1 == 0 {
            return Err(Error::image(
                self.row.path.as_ref(),
                "a map of it has no pixels",
            )
            .with_hint("predict it again"));
        }
        if map_place(self.source.run, map, size).is_some() {
            return Ok(());
        }
        let message = "its maps show a crop of the image, and run.json does not state where it lies";
        Err(Error::image(self.row.path.as_ref(), message)
            .with_hint("predict again with `map_size = image`"))
    }

    fn true_classes(&self, prediction: &ClassMap) -> Result<Option<ClassMap>> {
        let (height, width) = (prediction.height, prediction.width);
        let Some(PageLabels::Classes(labels)) = self.source.labels else {
            return Ok(None);
        };
        Ok(match labels.labels(&self.predicted_image((height, width)))? {
            ImageLabels::Classes { classes, .. } => {
                Some(ClassMap { height, width, classes })
            }
            ImageLabels::Missing(_) => None,
        })
    }

    fn true_values(&self, quantity: &Quantity, values: &Map) -> Result<Option<Map>> {
        let (height, width) = (values.height, values.width);
        let Some(PageLabels::Values(labels)) = self.source.labels else {
            return Ok(None);
        };
        let targets = match labels.labels(&self.predicted_image((height, width)))? {
            LabelValues::Values { targets, .. } => targets,
            LabelValues::Missing(_) => return Ok(None),
        };
        let values = targets.into_iter().nth(quantity.channel.unwrap_or(0));
        let values = values.filter(|values| values.len() == height * width);
        Ok(values.map(|values| Map { height, width, values }))
    }

    fn predicted_image(&self, size: (usize, usize)) -> PredictedImage<'_> {
        PredictedImage { id: &self.row.path, size, shape: self.row.shape() }
    }
}

const NO_LABEL: &str = "no label";

/// Reads the image of a row in red, green and blue.
fn read_original(source: &Source<'_>, row: &ImageRecord) -> Result<RgbPicture> {
    let picture = original_image(source.run, row, source.options.images);
    let picture = picture.map_err(|message| {
        Error::image(row.path.as_ref(), message).with_hint(
            "name the folder in which the image lies unchanged: `images = FOLDER`",
        )
    })?;
    let (width, height) = (picture.width, picture.height);
    Ok(RgbPicture { width, height, rgb: picture.to_rgb8().into_owned() })
}

fn check_crop(crop: Crop, picture: &RgbPicture, row: &ImageRecord) -> Result<()> {
    let ends_inside = |start: usize, length: usize, side: usize| {
        length > 0 && start.checked_add(length).is_some_and(|end| end <= side)
    };
    if ends_inside(crop.left, crop.width, picture.width)
        && ends_inside(crop.top, crop.height, picture.height)
    {
        return Ok(());
    }
    let message = format!(
        "expected a rectangle inside of {}, which has {}x{} pixels, found {},{},{}x{}",
        row.path,
        picture.width,
        picture.height,
        crop.left,
        crop.top,
        crop.width,
        crop.height
    );
    let half = (picture.width.div_ceil(2), picture.height.div_ceil(2));
    Err(Error::setting("crop", message)
        .with_hint(format!("such as 0,0,{}x{}", half.0, half.1)))
}

fn wrong(prediction: &ClassMap, labels: &ClassMap) -> ClassMap {
    let both = prediction.classes.iter().zip(&labels.classes);
    let compare = |(class, label): (&u16, &u16)| match (*class, *label) {
        (ClassMap::NONE, _) | (_, ClassMap::NONE) => ClassMap::NONE,
        (class, label) => u16::from(class != label),
    };
    ClassMap { classes: both.map(compare).collect(), ..*prediction }
}

/// Returns the rectangle of a plane (width, height) that shows the crop of a picture.
pub(super) fn region(
    crop: Option<Crop>,
    picture: (usize, usize),
    plane: (usize, usize),
) -> PictureRegion {
    let (x, y) = (plane.0 as f64 / picture.0 as f64, plane.1 as f64 / picture.1 as f64);
    let whole = Crop { left: 0, top: 0, width: picture.0, height: picture.1 };
    let Crop { left, top, width, height } = crop.unwrap_or(whole);
    PictureRegion {
        left: left as f64 * x,
        top: top as f64 * y,
        width: width as f64 * x,
        height: height as f64 * y,
    }
}

impl CellReader<'_> {
    /// Returns the values of a map that are shown and finite.
    pub(super) fn shown_values(&self, map: &Map) -> Vec<f32> {
        let (rows, columns) = self.shown_pixels(map.width, map.height);
        let lines = rows.map(|y| &map.values[y * map.width..][columns.clone()]);
        lines.flatten().copied().filter(|value| value.is_finite()).collect()
    }

    /// Returns the rows and columns of a plane that are shown, at least in part.
    fn shown_pixels(
        &self,
        width: usize,
        height: usize,
    ) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let region = self.region(width, height);
        let range = |start: f64, length: f64, most: usize| {
            let first = (start.floor() as usize).min(most.saturating_sub(1));
            first..((start + length).ceil() as usize).clamp(first + 1, most)
        };
        (
            range(region.top, region.height, height),
            range(region.left, region.width, width),
        )
    }

    fn region(&self, width: usize, height: usize) -> PictureRegion {
        let whole = (self.picture.width, self.picture.height);
        region(self.source.options.crop, whole, (width, height))
    }

    /// Adds the classes of a cell that are shown.
    pub(super) fn add_occurring(
        &self,
        column: &Column,
        cell: &Cell,
        all: &mut Occurring,
    ) {
        let map = match cell {
            Cell::Classes(map) | Cell::Wrong(map) => map,
            Cell::Values(map) => {
                let (rows, columns) = self.shown_pixels(map.width, map.height);
                let is_none = |y: usize| {
                    map.values[y * map.width..][columns.clone()]
                        .iter()
                        .any(|v| v.is_nan())
                };
                let has_none = { rows }.any(is_none);
                match column.content {
                    Content::ValueLabel(_) | Content::ValueError(_) => {
                        all.has_unlabeled |= has_none;
                    }
                    _ => all.has_unpredicted |= has_none,
                }
                return;
            }
            Cell::Picture(_) | Cell::Missing(_) => return,
        };
        let (rows, columns) = self.shown_pixels(map.width, map.height);
        let lines = rows.map(|y| &map.classes[y * map.width..][columns.clone()]);
        let mut ids: BTreeSet<u16> = lines.flatten().copied().collect();
        if ids.remove(&ClassMap::NONE) {
            match column.content {
                Content::ClassPrediction => all.has_unpredicted = true,
                _ => all.has_unlabeled = true,
            }
        }
        match cell {
            Cell::Wrong(_) => all.has_errors = true,
            _ => all.classes.extend(ids),
        }
    }

    /// Returns the part of a cell that is shown, in colors, with at most `most` columns.
    pub(super) fn picture(
        &self,
        cell: Cell,
        scale: Option<ColorScale>,
        most: usize,
    ) -> Option<RgbPicture> {
        let colored = match cell {
            Cell::Picture(picture) => picture,
            Cell::Classes(map) => {
                let palette = palette(self.source);
                colored(&map, |class| palette.color(class))
            }
            Cell::Wrong(map) => {
                colored(&map, |is_wrong| if is_wrong == 1 { WRONG } else { RIGHT })
            }
            Cell::Values(map) => {
                let scale = scale?;
                let rgb =
                    map.values.iter().flat_map(|value| scale.color(*value)).collect();
                RgbPicture { width: map.width, height: map.height, rgb }
            }
            Cell::Missing(_) => return None,
        };
        let region = self.region(colored.width, colored.height);
        let natural = (region.width.round().max(1.0), region.height.round().max(1.0));
        let shrink = (most as f64 / natural.0).min(1.0);
        let side = |side: f64| ((side * shrink).round() as usize).max(1);
        Some(colored.resized(region, (side(natural.0), side(natural.1))))
    }
}

fn colored(map: &ClassMap, color: impl Fn(u16) -> [u8; 3]) -> RgbPicture {
    let of = |id: &u16| if *id == ClassMap::NONE { NOTHING } else { color(*id) };
    let rgb = map.classes.iter().flat_map(of).collect();
    RgbPicture { width: map.width, height: map.height, rgb }
}

/// Returns the colors of the classes of a run.
pub(super) fn palette(source: &Source<'_>) -> Palette {
    source.folder.record.palette.clone().map(Palette::new).unwrap_or_default()
}

/// Returns what the colors of errors mean.
pub(super) fn error_colors() -> [([u8; 3], &'static str); 2] {
    [(RIGHT, "right"), (WRONG, "wrong")]
}
