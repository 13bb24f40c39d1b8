//! Values of an image's maps as a script: `mcdrop.image({...})`.
//!
//! The argument is JSON. The numbers of a plane are u16, row by row from the top left: first the high
//! bytes of all numbers, each minus the previous one, then the low bytes, compressed with zlib and
//! encoded in base64. Maps are mostly flat, so this takes a third of the space. A value is that at the
//! position `number / 65534` of its [`Scale`], and a class is its id; 65535 is none.

use std::io::{self, Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};

use crate::input::MAX_PIXELS;
use crate::output::heat_map::{Scale, Spacing};
use crate::tensor::{ClassMap, Map};

/// Number of the bound.
pub const HIGHEST: u16 = 65_534;

/// Number of pixels without a value.
pub const NONE: u16 = u16::MAX;

/// Text before and after the JSON: a call of a function of the page.
const CALL: (&str, &str) = ("mcdrop.image(", ");\n");
const CALL_OF_LABELS: (&str, &str) = ("mcdrop.labels(", ");\n");

/// Numbers of a plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plane {
    /// Number of columns.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// Rectangle of the picture that it covers: left, top, width and height in pixels; `None` if it
    /// is not known.
    pub place: Option<[f64; 4]>,
    /// Compressed numbers.
    pub numbers: String,
}

/// The values of a quantity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasureData {
    /// Name of the quantity.
    pub name: String,
    /// Value of the number 0.
    #[serde(default)]
    pub low: f32,
    /// Value of the number [`HIGHEST`].
    pub bound: f32,
    /// Spacing of the numbers between these.
    #[serde(default, skip_serializing_if = "Spacing::is_linear")]
    pub spacing: Spacing,
    /// Number of steps between these in the source of the values, at most 65535.
    pub steps: u16,
    /// Numbers.
    pub plane: Plane,
}

/// The values that the numbers of a plane stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberRange {
    /// Values of the numbers 0 and [`HIGHEST`].
    pub scale: Scale,
    /// Number of steps between these in the source of the values, at most 65535.
    pub steps: u16,
}

impl NumberRange {
    /// Returns the range for the values of a quantity that a run shows on a scale. It is that scale, or
    /// wider if the scale ends below the quantity's upper bound and the map has values beyond it.
    pub fn of_map(upper_bound: f32, scale: Scale, map: &Map) -> Self {
        if scale.high >= upper_bound && upper_bound.is_finite() {
            return Self { scale, steps: HIGHEST };
        }
        Self::covering(scale, map)
    }

    /// Returns the range of a scale, if it is finite, and of all finite values of a map.
    pub fn covering(scale: Scale, map: &Map) -> Self {
        let is_known = scale.length().is_finite();
        let ends = [scale.low, scale.high].into_iter().filter(|_| is_known);
        let values = map.values.iter().copied().filter(|value| value.is_finite());
        let (mut low, mut high) = ends
            .chain(values)
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if low >= high {
            (low, high) =
                if low.is_finite() { (low - 0.5, low + 0.5) } else { (0.0, 1.0) };
        }
        Self { scale: Scale { low, high, ..scale }, steps: HIGHEST }
    }
}

/// The values of an image's maps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ImageData {
    /// Id of the image.
    pub id: String,
    /// Whether the values were written while predicting, not read from files later.
    pub predicting: bool,
    /// Share of the pixels of each class or label in percent, for those with at least 0.05 %.
    pub shares: Vec<(u16, f32)>,
    /// The class ids.
    pub classes: Option<Plane>,
    /// The values of each measure.
    pub measures: Vec<MeasureData>,
}

/// The labels of an image, of the size of its prediction.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LabelData {
    /// Id of the image.
    pub id: String,
    /// The class ids, if classes are predicted.
    pub classes: Option<Plane>,
    /// The true values, and the errors of the prediction, if values are predicted.
    pub measures: Vec<MeasureData>,
}

impl Plane {
    fn new(
        (height, width): (usize, usize),
        place: Option<[f64; 4]>,
        numbers: &[u16],
    ) -> io::Result<Self> {
        Ok(Self { width, height, place, numbers: pack(numbers)? })
    }

    /// Returns the numbers, row by row.
    ///
    /// # Errors
    /// Fails if there is not one number per pixel.
    pub fn unpack(&self) -> io::Result<Vec<u16>> {
        let n = self.width.checked_mul(self.height).filter(|n| *n as u64 <= MAX_PIXELS);
        let n = n.ok_or_else(|| invalid("expected a plane of fewer pixels"))?;
        unpack(&self.numbers, n)
    }
}

impl ImageData {
    /// Adds the class map.
    ///
    /// # Errors
    /// Fails if it cannot be compressed.
    pub fn set_classes(
        &mut self,
        map: &ClassMap,
        place: Option<[f64; 4]>,
    ) -> io::Result<()> {
        self.shares = shares(&map.classes);
        self.classes = Some(Plane::new((map.height, map.width), place, &map.classes)?);
        Ok(())
    }

    /// Adds the values of a quantity.
    ///
    /// # Errors
    /// Fails if they cannot be compressed.
    pub fn add(
        &mut self,
        name: &str,
        range: NumberRange,
        map: &Map,
        place: Option<[f64; 4]>,
    ) -> io::Result<()> {
        self.measures.push(MeasureData::new(name, range, map, place)?);
        Ok(())
    }

    /// Adds the share of the pixels whose probability of a label is at least a threshold.
    pub fn add_label_share(&mut self, label: u16, map: &Map, threshold: f32) {
        let known = map.values.iter().filter(|value| !value.is_nan());
        let (above, n) = known.fold((0_usize, 0_usize), |(above, n), value| {
            (above + usize::from(*value >= threshold), n + 1)
        });
        let share = percent(above, n);
        if share > 0.0 {
            self.shares.push((label, share));
        }
    }

    /// Returns the class ids.
    ///
    /// # Errors
    /// Fails if there are none, or not one per pixel.
    pub fn class_map(&self) -> io::Result<ClassMap> {
        let plane = self.classes.as_ref().ok_or_else(|| invalid("no classes"))?;
        let (height, width) = (plane.height, plane.width);
        Ok(ClassMap { height, width, classes: plane.unpack()? })
    }

    /// Returns the script.
    ///
    /// # Errors
    /// Fails if a value cannot be serialized, which does not happen.
    pub fn encode(&self) -> io::Result<Vec<u8>> {
        script(CALL, self)
    }

    /// Reads a script.
    ///
    /// # Errors
    /// Fails if it is not a script of this version.
    pub fn decode(script: &[u8]) -> io::Result<Self> {
        let text = str::from_utf8(script).map_err(|_| invalid("no text"))?;
        let json = text.strip_prefix(CALL.0).and_then(|rest| rest.strip_suffix(CALL.1));
        let json = json.ok_or_else(|| invalid("not a complete script of values"))?;
        serde_json::from_str(json).map_err(|error| invalid(&error.to_string()))
    }
}

impl MeasureData {
    /// Creates the values of a quantity.
    ///
    /// # Errors
    /// Fails if they cannot be compressed.
    pub fn new(
        name: &str,
        range: NumberRange,
        map: &Map,
        place: Option<[f64; 4]>,
    ) -> io::Result<Self> {
        let NumberRange { scale, steps } = range;
        let numbers: Vec<u16> =
            map.values.iter().map(|v| scale.level(*v, HIGHEST).unwrap_or(NONE)).collect();
        let plane = Plane::new((map.height, map.width), place, &numbers)?;
        let Scale { low, high: bound, spacing } = scale;
        Ok(Self { name: name.to_owned(), low, bound, spacing, steps, plane })
    }

    /// Returns the scale of the numbers.
    pub fn scale(&self) -> Scale {
        Scale::new(self.low, self.bound).with_spacing(self.spacing)
    }

    /// Returns the values.
    ///
    /// # Errors
    /// Fails if there is not one number per pixel.
    pub fn map(&self) -> io::Result<Map> {
        let scale = self.scale();
        let value = |number: u16| match number {
            NONE => f32::NAN,
            number => scale.value(number, HIGHEST),
        };
        let values = self.plane.unpack()?.into_iter().map(value).collect();
        Ok(Map { height: self.plane.height, width: self.plane.width, values })
    }
}

impl LabelData {
    /// Creates the classes of an image, which cover the same rectangle as its class map.
    ///
    /// # Errors
    /// Fails if they cannot be compressed.
    pub fn of_classes(
        id: &str,
        labels: &ClassMap,
        place: Option<[f64; 4]>,
    ) -> io::Result<Self> {
        let classes = Plane::new((labels.height, labels.width), place, &labels.classes)?;
        Ok(Self { id: id.to_owned(), classes: Some(classes), measures: Vec::new() })
    }

    /// Returns the script.
    ///
    /// # Errors
    /// Fails if a value cannot be serialized, which does not happen.
    pub fn encode(&self) -> io::Result<Vec<u8>> {
        script(CALL_OF_LABELS, self)
    }
}

fn script((before, after): (&str, &str), value: &impl Serialize) -> io::Result<Vec<u8>> {
    let json = serde_json::to_string(value)?;
    Ok(format!("{before}{json}{after}").into_bytes())
}

fn shares(classes: &[u16]) -> Vec<(u16, f32)> {
    let mut counts = std::collections::BTreeMap::new();
    for class in classes.iter().filter(|class| **class != ClassMap::NONE) {
        *counts.entry(*class).or_insert(0_usize) += 1;
    }
    let n: usize = counts.values().sum();
    let shares = counts.into_iter().map(|(class, count)| (class, percent(count, n)));
    shares.filter(|(_, share)| *share > 0.0).collect()
}

/// Returns a share in percent, rounded to a tenth.
fn percent(count: usize, n: usize) -> f32 {
    (1000.0 * count as f64 / n.max(1) as f64).round() as f32 / 10.0
}

fn pack(numbers: &[u16]) -> io::Result<String> {
    let mut before = 0_u8;
    let high = numbers.iter().map(|number| {
        let [high, _] = number.to_be_bytes();
        high.wrapping_sub(std::mem::replace(&mut before, high))
    });
    let low = numbers.iter().map(|number| number.to_be_bytes()[1]);
    let bytes: Vec<u8> = high.chain(low).collect();
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::new(4));
    packed.write_all(&bytes)?;
    Ok(BASE64.encode(packed.finish()?))
}

fn unpack(packed: &str, n: usize) -> io::Result<Vec<u16>> {
    let packed = BASE64.decode(packed).map_err(|error| invalid(&error.to_string()))?;
    let mut bytes = Vec::new();
    // One byte more than expected shows that there are too many.
    let most = (2 * n as u64).saturating_add(1);
    ZlibDecoder::new(&packed[..]).take(most).read_to_end(&mut bytes)?;
    if bytes.len() != 2 * n {
        return Err(invalid(&format!("{} bytes for {n} pixels", bytes.len())));
    }
    let (high, low) = bytes.split_at(n);
    let mut sum = 0_u8;
    let number = |(high, low): (&u8, &u8)| {
        sum = sum.wrapping_add(*high);
        u16::from_be_bytes([sum, *low])
    };
    Ok(high.iter().zip(low).map(number).collect())
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            numbers in proptest::collection::vec(any::<u16>(), 0..300),
        ) {
            let packed = pack(&numbers).unwrap();
            prop_assert_eq!(unpack(&packed, numbers.len()).unwrap(), numbers);
        }

        #[test]
        fn a_value_comes_back_to_half_a_step(
            share in 0.0_f32..=1.0,
            low in -9.0_f32..9.0,
            length in 0.1_f32..9.0,
            squares in any::<bool>(),
        ) {
            let low = if squares { 0.0 } else { low };
            let scale = Scale::new(low, low + length).with_spacing(Spacing::of(squares));
            let value = low + share * length;
            let map = Map { height: 1, width: 1, values: vec![value] };
            let range = NumberRange { scale, steps: HIGHEST };
            let data = MeasureData::new("margin", range, &map, None).unwrap();
            let back = data.map().unwrap().values[0];
            let length = f64::from(scale.high) - f64::from(low);
            let fraction = ((f64::from(value) - f64::from(low)) / length).min(1.0);
            let place = if squares { fraction.sqrt() } else { fraction };
            let shown = f64::from(data.plane.unpack().unwrap()[0]) / 65_534.0;
            prop_assert!((shown - place).abs() <= (1.0 + 1e-9) / 131_068.0);
            let exact = f64::from(low) + length * if squares { shown * shown } else { shown };
            prop_assert!((f64::from(back) - exact).abs() <= 1e-6 * (1.0 + exact.abs()));
        }
    }

    #[test]
    fn a_script_is_read_again() {
        let map = Map { height: 2, width: 2, values: vec![0.0, 0.5, 1.0, f32::NAN] };
        let classes = ClassMap { height: 2, width: 2, classes: vec![3, 3, 500, NONE] };
        let mut data = ImageData {
            id: "a/</script>\"\u{2028}.png".to_owned(),
            predicting: true,
            ..ImageData::default()
        };
        let place = Some([0.0, 0.0, 4.0, 4.0]);
        data.set_classes(&classes, place).unwrap();
        let range = NumberRange { scale: Scale::up_to(1.0), steps: HIGHEST };
        data.add("margin", range, &map, place).unwrap();
        assert_eq!(data.shares, [(3, 66.7), (500, 33.3)]);
        let script = data.encode().unwrap();
        let back = ImageData::decode(&script).unwrap();
        assert_eq!(back, data);
        assert_eq!(back.class_map().unwrap(), classes);
        let values = back.measures[0].plane.unpack().unwrap();
        assert_eq!(values, [0, 32_767, HIGHEST, NONE]);
        let torn = ImageData::decode(&script[..script.len() - 9]).unwrap_err();
        assert_eq!(torn.to_string(), "not a complete script of values");
    }

    #[test]
    fn values_beyond_the_scale_of_a_run_are_kept_if_the_measure_has_no_bound() {
        let values = vec![-3.0, 0.0, 95.5, f32::NAN];
        let map = Map { height: 2, width: 2, values };
        let scale = Scale::up_to(80.0);
        let range = NumberRange::of_map(f32::INFINITY, scale, &map);
        assert_eq!((range.scale.low, range.scale.high), (-3.0, 95.5));
        let back = MeasureData::new("value", range, &map, None).unwrap().map().unwrap();
        for (value, back) in map.values.iter().zip(&back.values) {
            let is_same = value.is_nan() && back.is_nan();
            assert!(is_same || (value - back).abs() < 0.001, "{value} {back}");
        }
        let scale = Scale::up_to(1.0);
        let range = NumberRange::of_map(1.0, scale, &map);
        assert_eq!(range.scale, scale);
        let unknown = Scale::up_to(f32::INFINITY);
        let none = Map { height: 1, width: 1, values: vec![f32::NAN] };
        assert_eq!(NumberRange::covering(unknown, &none).scale, Scale::up_to(1.0));
        let one = Map { height: 1, width: 1, values: vec![7.0] };
        let range = NumberRange::covering(unknown, &one).scale;
        assert!(range.low < 7.0 && range.high > 7.0);
    }

    #[test]
    fn the_share_of_a_label_is_that_of_its_pixels_above_the_threshold() {
        let map = Map { height: 1, width: 4, values: vec![0.5, 0.49, 0.9, f32::NAN] };
        let mut data = ImageData::default();
        data.add_label_share(3, &map, 0.5);
        data.add_label_share(4, &map, 0.95);
        assert_eq!(data.shares, [(3, 66.7)]);
    }

    #[test]
    fn scripts_of_older_versions_have_linear_numbers() {
        let map = Map { height: 1, width: 3, values: vec![0.0, 0.5, 2.0] };
        let scale = Scale::up_to(2.0);
        let linear = NumberRange { scale, steps: HIGHEST };
        let data = MeasureData::new("margin", linear, &map, None).unwrap();
        let text = serde_json::to_string(&data).unwrap();
        assert!(!text.contains("spacing"), "{text}");
        let read: MeasureData = serde_json::from_str(&text).unwrap();
        assert_eq!((read.scale(), read.plane.unpack().unwrap()[1]), (scale, 16_384));
        let scale = scale.with_spacing(Spacing::SquareRoot);
        let range = NumberRange { scale, steps: HIGHEST };
        let data = MeasureData::new("margin", range, &map, None).unwrap();
        let text = serde_json::to_string(&data).unwrap();
        assert!(text.contains(r#""spacing":"square_root""#), "{text}");
        let read: MeasureData = serde_json::from_str(&text).unwrap();
        assert_eq!((read.scale(), read.plane.unpack().unwrap()[1]), (scale, 32_767));
    }

    #[test]
    fn planes_of_another_size_are_refused() {
        let packed = pack(&[1, 2, 3]).unwrap();
        for n in [2, 4] {
            assert!(unpack(&packed, n).unwrap_err().to_string().contains("bytes for"));
        }
        assert!(unpack("=", 1).is_err() && unpack("AAAA", 1).is_err());
    }
}
