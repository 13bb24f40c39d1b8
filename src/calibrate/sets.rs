//! Sets of classes of the items of a folder.

use super::conformal::{self, MissedShares};
use super::images::{Image, Run, too_few};
use super::{Calibration, SetMethod};
use crate::error::Result;
use crate::evaluate::each;
use crate::policy::{SetRule, Sets, Temperature, argmax, sum_before, temper};
use crate::tensor::ClassMap;

impl Run<'_> {
    /// Finds the rule of the sets, and says what it does on the images that it was found on.
    pub(super) fn sets(&self, alpha: f64, calibration: &mut Calibration) -> Result<()> {
        let temperature = calibration.policy.temperature;
        let (mut own, mut sums, mut missed) =
            (Vec::new(), Vec::new(), MissedShares::default());
        let is_map = self.folder.is_map;
        let visit = |seen: &mut Seen, p: &[f32], label: usize| {
            seen.n += 1;
            if !is_map {
                seen.own.push(p[label]);
                seen.sums.push(sum_before(p, label));
            } else if argmax(p) != label {
                seen.own.push(p[label]);
            }
        };
        self.each_item(temperature, &visit, &mut |seen| {
            if is_map {
                missed.add(&seen.own, seen.n);
            } else {
                own.extend(seen.own);
                sums.extend(seen.sums);
            }
        });
        let (method, rule) = match (is_map, self.options.method) {
            (true, _) => ("risk_control", conformal::crc_rule(&missed, alpha)),
            (false, SetMethod::Lac) => ("lac", conformal::lac_rule(&own, alpha)),
            (false, SetMethod::Aps) => ("aps", conformal::aps_rule(&sums, alpha)),
        };
        let images = calibration.images;
        let rule = rule.map_err(|needed| too_few("--alpha", alpha, needed, images))?;
        calibration.sets = Some(self.describe(rule, temperature));
        let share = 1.0 - alpha;
        let promise = if is_map {
            format!("hold the class of {share:.4} of an image's pixels on average")
        } else {
            format!("hold the class of {share:.4} of images like these on average")
        };
        let method = method.to_owned();
        calibration.policy.sets = Some(Sets { method, promise, alpha, images, rule });
        Ok(())
    }

    /// The mean size of sets and the share of items in theirs.
    fn describe(&self, rule: SetRule, temperature: Option<Temperature>) -> (f64, f64) {
        let visit =
            |(n, sizes, held): &mut (usize, usize, usize), p: &[f32], label: usize| {
                *n += 1;
                for class in rule.members(p) {
                    *sizes += 1;
                    *held += usize::from(class == label);
                }
            };
        let (mut n, mut sizes, mut held) = (0, 0, 0);
        self.each_item(temperature, &visit, &mut |image| {
            (n, sizes, held) = (n + image.0, sizes + image.1, held + image.2);
        });
        (sizes as f64 / n as f64, held as f64 / n as f64)
    }

    /// Visits the labeled items of every image, with their probabilities at a temperature and
    /// their class; `take` gets what the visits of an image made.
    fn each_item<T: Default + Send>(
        &self,
        temperature: Option<Temperature>,
        visit: &(dyn Fn(&mut T, &[f32], usize) + Sync),
        take: &mut dyn FnMut(T),
    ) {
        let of_image = |id: &str| {
            let mut made = T::default();
            let Ok(Image { kept, labels: Some(labels) }) = self.image(id)? else {
                return Ok(made);
            };
            let n = kept.size.0 * kept.size.1;
            let mut item = vec![0.0; self.folder.n_classes];
            let labeled =
                labels.iter().enumerate().filter(|(_, l)| **l != ClassMap::NONE);
            for (i, label) in labeled {
                let planes = kept.probabilities[i..].iter().step_by(n);
                item.iter_mut().zip(planes).for_each(|(p, kept)| *p = *kept);
                if let Some(temperature) = temperature {
                    temper(&mut item, temperature.value);
                }
                visit(&mut made, &item, usize::from(*label));
            }
            Ok(made)
        };
        each(self.folder, self.options.threads, &of_image, &mut |_, made| {
            if let Ok(made) = made {
                take(made);
            }
        });
    }
}

/// What the sets need of an image.
#[derive(Default)]
struct Seen {
    n: usize,
    /// The probabilities of the true class; in segmentation where it is not the most probable.
    own: Vec<f32>,
    /// The sums before the true class, in classification.
    sums: Vec<f32>,
}
