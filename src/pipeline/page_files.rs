//! Writes the files of an image that the page of the folder needs (`--report`).

use super::write::{ImageResult, Writer, placement};
use crate::error::Result;
use crate::output::overlay::Photo;
use crate::output::page::data::{ImageData, NumberRange};
use crate::output::page::preview::Heat;
use crate::output::page::{DATA, PageFolder};
use crate::output::resample::{self, Placement};
use crate::record::MapSize;

impl Writer<'_> {
    /// Writes the picture, a thumbnail with the heat map, and the values of the maps.
    pub(super) fn write_page_files(&self, result: &ImageResult<'_>) -> Result<()> {
        let picture = &result.image.decoded.picture;
        let rgb = &picture.to_rgb8();
        let photo = Photo { height: picture.height, width: picture.width, rgb };
        let overview = self.task.overview();
        let has_maps = self.task.has_maps();
        let heat = result.map_of(&overview.name).filter(|_| has_maps).map(|map| Heat {
            map,
            placement: placement(&result.image.geometry),
            scale: self.scales.of(&overview, result.n_classes()),
        });
        let page_folder = PageFolder::own(self.folder);
        page_folder.save_pictures(result.id, photo, heat.as_ref())?;
        if has_maps {
            let data = self.page_data(result).and_then(|data| data.encode());
            page_folder.save(DATA, result.id, "js", data)?;
        }
        Ok(())
    }

    /// Returns the values of the maps. If the network saw fewer pixels than the image has, maps keep
    /// the size of the network, because the page interpolates them as [`resample`] does.
    fn page_data(&self, result: &ImageResult<'_>) -> std::io::Result<ImageData> {
        let picture = &result.image.decoded.picture;
        let (rows, columns) = result.size();
        let as_seen = self.options.map_size == MapSize::Network
            || rows * columns < picture.width * picture.height;
        let (map_placement, height, width, place) = if as_seen {
            (Placement::IDENTITY, rows, columns, place_of_region(result))
        } else {
            let (height, width) = (picture.height, picture.width);
            let place = [0.0, 0.0, width as f64, height as f64];
            (placement(&result.image.geometry), height, width, place)
        };
        let mut data = ImageData {
            id: result.id.to_owned(),
            predicting: true,
            ..ImageData::default()
        };
        if self.task.task.has_class_maps() {
            let classes =
                resample::classes(result.classes(), &map_placement, height, width);
            data.set_classes(&classes, Some(place))?;
        }
        for quantity in self.options.quantities_of_page(self.task) {
            let Some(map) = result.map_of(&quantity.name) else { continue };
            let map = resample::values(map, &map_placement, height, width);
            let scale = self.scales.of(&quantity, result.n_classes());
            let range = NumberRange::of_map(
                quantity.upper_bound(result.n_classes()),
                scale,
                &map,
            );
            data.add(&quantity.name, range, &map, Some(place))?;
            if let Some((label, threshold)) = quantity.label_of(self.task.task) {
                data.add_label_share(label, &map, threshold);
            }
        }
        Ok(data)
    }
}

/// Returns the rectangle of the picture that the network saw: left, top, width and height in
/// pixels.
fn place_of_region(result: &ImageResult<'_>) -> [f64; 4] {
    let placement = placement(&result.image.geometry);
    let (rows, columns) = result.size();
    [
        placement.left / placement.scale_x,
        placement.top / placement.scale_y,
        columns as f64 / placement.scale_x,
        rows as f64 / placement.scale_y,
    ]
}
