//! Sets of classes for the items of a folder.

use super::conformal::{self, MissedShares};
use super::decisions::too_few;
use super::images::{CalibrationRun, OpenedImage};
use super::{Calibration, SetMethod, SetStatistics};
use crate::error::Result;
use crate::evaluate::for_each_image;
use crate::policy::{SetRule, Sets, Temperature, argmax, sum_before, temper};
use crate::task::Item;

/// True-class probabilities of the labeled items of an image.
#[derive(Default)]
struct TrueClassProbabilities {
    n_items: usize,
    /// Probability of the true class; of pixels, only those whose true class is not the most
    /// probable one.
    own: Vec<f32>,
    /// Sum of the probabilities above that of the true class, for images as items.
    sums: Vec<f32>,
}

/// Counts over the sets of an image.
#[derive(Default)]
struct SetCounts {
    items: usize,
    classes: usize,
    covered: usize,
}

impl CalibrationRun<'_> {
    /// Finds the rule of the sets, and its statistics on the same images.
    pub(super) fn find_sets(
        &self,
        alpha: f64,
        calibration: &mut Calibration,
    ) -> Result<()> {
        let temperature = calibration.policy.temperature;
        let (method, rule) = match self.folder.task.item {
            Item::Pixel => ("risk_control", self.pixel_rule(alpha, temperature)),
            Item::Image => self.image_rule(alpha, temperature),
        };
        let images = calibration.images;
        let rule = rule.map_err(|needed| too_few("alpha", alpha, needed, images))?;
        calibration.sets = Some(self.set_statistics(rule, temperature));
        let items = match self.folder.task.item {
            Item::Pixel => "an image's pixels",
            Item::Image => "images like these",
        };
        let promise =
            format!("hold the class of {:.4} of {items} on average", 1.0 - alpha);
        let method = method.to_owned();
        calibration.policy.sets = Some(Sets { method, promise, alpha, images, rule });
        Ok(())
    }

    fn pixel_rule(
        &self,
        alpha: f64,
        temperature: Option<Temperature>,
    ) -> Result<SetRule, usize> {
        let mut missed = MissedShares::default();
        self.for_each_item(
            temperature,
            &|seen: &mut TrueClassProbabilities, p, label| {
                seen.n_items += 1;
                if argmax(p) != label {
                    seen.own.push(p[label]);
                }
            },
            &mut |seen| missed.add(&seen.own, seen.n_items),
        );
        conformal::risk_control_rule(&missed, alpha)
    }

    fn image_rule(
        &self,
        alpha: f64,
        temperature: Option<Temperature>,
    ) -> (&'static str, Result<SetRule, usize>) {
        let (mut own, mut sums) = (Vec::new(), Vec::new());
        self.for_each_item(
            temperature,
            &|seen: &mut TrueClassProbabilities, p, label| {
                seen.own.push(p[label]);
                seen.sums.push(sum_before(p, label));
            },
            &mut |seen| {
                own.extend(seen.own);
                sums.extend(seen.sums);
            },
        );
        match self.options.method {
            SetMethod::Lac => ("lac", conformal::lac_rule(&own, alpha)),
            SetMethod::Aps => ("aps", conformal::aps_rule(&sums, alpha)),
        }
    }

    fn set_statistics(
        &self,
        rule: SetRule,
        temperature: Option<Temperature>,
    ) -> SetStatistics {
        let mut total = SetCounts::default();
        self.for_each_item(
            temperature,
            &|counts: &mut SetCounts, p, label| {
                counts.items += 1;
                for class in rule.members(p) {
                    counts.classes += 1;
                    counts.covered += usize::from(class == label);
                }
            },
            &mut |counts| {
                total.items += counts.items;
                total.classes += counts.classes;
                total.covered += counts.covered;
            },
        );
        SetStatistics {
            mean_size: total.classes as f64 / total.items as f64,
            coverage: total.covered as f64 / total.items as f64,
        }
    }

    /// Calls `visit` for the labeled items of every image, with their probabilities at a
    /// temperature and their class, and `collect` with the result for each image.
    fn for_each_item<T: Default + Send>(
        &self,
        temperature: Option<Temperature>,
        visit: &(dyn Fn(&mut T, &[f32], usize) + Sync),
        collect: &mut dyn FnMut(T),
    ) {
        let process = |id: &str| {
            let mut result = T::default();
            let OpenedImage::Labeled(image) = self.open_image(id)? else {
                return Ok(result);
            };
            let n = image.arrays.size.0 * image.arrays.size.1;
            let mut item = vec![0.0; self.folder.n_classes];
            for (i, label) in image.labeled_items() {
                let planes = image.arrays.probabilities[i..].iter().step_by(n);
                item.iter_mut().zip(planes).for_each(|(p, kept)| *p = *kept);
                if let Some(temperature) = temperature {
                    temper(&mut item, temperature.value);
                }
                visit(&mut result, &item, usize::from(label));
            }
            Ok(result)
        };
        for_each_image(self.folder, self.options.threads, &process, &mut |_, result| {
            if let Ok(result) = result {
                collect(result);
            }
        });
    }
}
