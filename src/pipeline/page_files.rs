//! What is written of an image for the page of the folder (`--report`).

use super::write::{Predicted, Writer, placement};
use crate::error::Result;
use crate::input::ImageFile;
use crate::measure::{Measure, PREDICTIVE_ENTROPY};
use crate::output::overlay::Photo;
use crate::output::page::data::{HIGHEST, ImageData};
use crate::output::page::preview::Heat;
use crate::output::page::{DATA, Place};
use crate::output::resample::{self, Placement};
use crate::record::MapSize;
use crate::tensor::Map;

impl Writer<'_> {
    /// The picture, a small one with the heat map, and the values of the maps at their size.
    pub(super) fn write_page_files<'m>(
        &self,
        file: &ImageFile,
        image: &Predicted,
        map_of: &impl Fn(&Measure) -> Option<&'m Map>,
    ) -> Result<()> {
        let picture = &image.decoded.picture;
        let rgb = &picture.to_rgb8();
        let photo = Photo { height: picture.height, width: picture.width, rgb };
        let heat = map_of(&PREDICTIVE_ENTROPY).filter(|_| self.map).map(|map| Heat {
            map,
            placement: placement(&image.geometry),
            bound: PREDICTIVE_ENTROPY.upper_bound(image.statistics.n_classes()),
        });
        let place = Place::own(self.folder);
        place.save_pictures(file.id(), photo, heat.as_ref())?;
        if self.map {
            let data = self.page_data(file, image, map_of).and_then(|data| data.encode());
            place.save(DATA, file.id(), "js", data)?;
        }
        Ok(())
    }

    /// Maps are interpolated on the page as [`resample`] does: where the network saw fewer pixels
    /// than the image has, these are all there is to know.
    fn page_data<'m>(
        &self,
        file: &ImageFile,
        image: &Predicted,
        map_of: &impl Fn(&Measure) -> Option<&'m Map>,
    ) -> std::io::Result<ImageData> {
        let (picture, part) = (&image.decoded.picture, self.part(image));
        let seen = part.rows.len() * part.columns.len();
        let as_seen = self.options.map_size == MapSize::Network
            || seen < picture.width * picture.height;
        let (map_placement, height, width, place) = if as_seen {
            let place = self.place_of_part(image);
            (Placement::IDENTITY, part.rows.len(), part.columns.len(), place)
        } else {
            let (height, width) = (picture.height, picture.width);
            let place = [0.0, 0.0, width as f64, height as f64];
            (placement(&image.geometry), height, width, place)
        };
        let mut data = ImageData {
            id: file.id().to_owned(),
            predicting: true,
            ..ImageData::default()
        };
        let classes = part.crop_classes(image.statistics.prediction());
        let classes = resample::classes(&classes, &map_placement, height, width);
        data.set_classes(&classes, Some(place))?;
        for measure in self.options.measures_of_page() {
            let Some(map) = map_of(measure) else { continue };
            let map = resample::values(map, &map_placement, height, width);
            let bound = measure.upper_bound(image.statistics.n_classes());
            data.add(measure.name, (bound, HIGHEST), &map, Some(place))?;
        }
        Ok(data)
    }

    /// Where what the network saw lies on the picture, in its pixels: left, top, width, height.
    fn place_of_part(&self, image: &Predicted) -> [f64; 4] {
        let (part, placement) = (self.part(image), placement(&image.geometry));
        [
            placement.left / placement.scale_x,
            placement.top / placement.scale_y,
            part.columns.len() as f64 / placement.scale_x,
            part.rows.len() as f64 / placement.scale_y,
        ]
    }
}
