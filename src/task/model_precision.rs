//! Precision of the observations of a regression.

use std::str::FromStr;

/// Precision τ of the observations, 1 / variance, in the unit of the network's output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelPrecision(f64);

/// Training of a network with dropout before each layer, which determines the precision of the
/// observations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DropoutTraining {
    /// Length scale l of the prior.
    pub length_scale: f64,
    /// Weight decay λ.
    pub weight_decay: f64,
    /// Number N of training images.
    pub images: f64,
    /// Share p of the units that are dropped.
    pub ratio: f64,
}

impl ModelPrecision {
    /// Returns the precision; `None` if it is not positive and finite.
    pub fn new(tau: f64) -> Option<Self> {
        (tau > 0.0 && tau.is_finite()).then_some(Self(tau))
    }

    /// Returns τ.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl DropoutTraining {
    /// Returns τ = (1 - p) l² / (2 N λ); `None` if it is not positive and finite.
    ///
    /// # References
    /// Gal and Ghahramani (2016), *Dropout as a Bayesian Approximation*.
    pub fn model_precision(&self) -> Option<ModelPrecision> {
        let Self { length_scale, weight_decay, images, ratio } = *self;
        let is_valid = length_scale > 0.0
            && weight_decay > 0.0
            && images >= 1.0
            && (0.0..1.0).contains(&ratio);
        let tau =
            (1.0 - ratio) * length_scale * length_scale / (2.0 * images * weight_decay);
        ModelPrecision::new(tau).filter(|_| is_valid)
    }
}

const EXPECTED: &str = "expected a number above 0 such as 12.5, or \
                        length_scale=0.01,weight_decay=1e-6,images=1000,ratio=0.1";

/// Names of what a precision follows from.
const KEYS: [&str; 4] = ["length_scale", "weight_decay", "images", "ratio"];

impl FromStr for ModelPrecision {
    type Err = String;

    /// Parses τ, or `length_scale=L,weight_decay=D,images=N,ratio=P` in any order.
    fn from_str(text: &str) -> Result<Self, String> {
        let unusable = || format!("{EXPECTED}, found \"{text}\"");
        if !text.contains('=') {
            let tau = text.trim().parse().ok();
            return tau.and_then(Self::new).ok_or_else(unusable);
        }
        let mut values = [None; KEYS.len()];
        for part in text.split(',') {
            let (key, number) = part.split_once('=').ok_or_else(unusable)?;
            let place = KEYS.iter().position(|known| *known == key.trim());
            let value = place.map(|place| &mut values[place]).ok_or_else(unusable)?;
            if value.is_some() {
                return Err(format!("{} is given twice", key.trim()));
            }
            *value = Some(number.trim().parse::<f64>().map_err(|_| unusable())?);
        }
        if let Some(missing) = values.iter().position(Option::is_none) {
            return Err(format!("{} is missing: {EXPECTED}", KEYS[missing]));
        }
        let [length_scale, weight_decay, images, ratio] =
            values.map(Option::unwrap_or_default);
        let training = DropoutTraining { length_scale, weight_decay, images, ratio };
        training.model_precision().ok_or_else(unusable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precision_is_a_number_or_follows_from_the_training() {
        let precision = |text: &str| text.parse::<ModelPrecision>();
        assert!((precision("12.5").unwrap().get() - 12.5).abs() < 1e-12);
        let text = "length_scale=0.1, weight_decay=1e-5,images=400,ratio=0.2";
        let tau = precision(text).unwrap().get();
        assert!((tau - 0.8 * 0.01 / (2.0 * 400.0 * 1e-5)).abs() < 1e-12, "{tau}");
        for wrong in [
            "",
            "0",
            "-1",
            "inf",
            "nan",
            "length_scale=1",
            "length_scale=1,weight_decay=0,images=10,ratio=0.1",
            "length_scale=1,weight_decay=1,images=0,ratio=0.1",
            "length_scale=1,weight_decay=1,images=10,ratio=1",
            "length_scale=1,weight_decay=1,images=10,ratio=0.1,ratio=0.1",
            "length_scale=1,weight_decay=1,images=10,dropout=0.1",
            "length_scale=a,weight_decay=1,images=10,ratio=0.1",
        ] {
            assert!(precision(wrong).is_err(), "{wrong}");
        }
        let missing = precision("length_scale=1,images=10,ratio=0.1").unwrap_err();
        assert!(missing.starts_with("weight_decay is missing"), "{missing}");
    }
}
