//! Tests merged sums of parts of the passes.

use proptest::prelude::*;

use super::*;

const N_CHANNELS: usize = 3;
const SIZE: [usize; 2] = [3, 25];
const BLOCK: usize = 4;

fn sums_of(samples: &[Vec<f32>]) -> ImageSums {
    let mut sums =
        ImageSums::new(N_CHANNELS, SIZE[0], SIZE[1], Needs::ALL, Isa::detect());
    let all: Vec<_> =
        samples.iter().map(|s| scores(s, N_CHANNELS, SIZE, OutputKind::Logits)).collect();
    sums.add(&all).unwrap();
    sums
}

/// Returns the sums of one block, as a group.
fn sums_of_block(samples: &[Vec<f32>]) -> ImageSums {
    let mut sums = sums_of(samples);
    sums.end_group();
    sums
}

fn many(n_samples: usize) -> Vec<Vec<f32>> {
    let n = N_CHANNELS * SIZE[0] * SIZE[1];
    (0..n_samples).map(|sample| logits(n, sample, 4.0)).collect()
}

fn merged(parts: impl IntoIterator<Item = ImageSums>) -> ImageSums {
    let merge = |mut sums: ImageSums, next| {
        sums.merge(next);
        sums
    };
    parts.into_iter().reduce(merge).unwrap()
}

fn assert_close(sums: &ImageSums, exact: &ImageSums) {
    assert_eq!(sums.n_samples(), exact.n_samples());
    let n = exact.n_samples() as f32;
    let close = |a: &[f32], b: &[f32], unit: f32| {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() <= 1e-6 * unit, "{a} {b}");
        }
    };
    for (a, b) in sums.strips.iter().zip(&exact.strips) {
        close(&a.mean, &b.mean, 1.0);
        close(&a.within, &b.within, 1.0);
        close(&a.information, &b.information, 1.0);
        close(&a.deviations, &b.deviations, n);
        close(&a.group_deviations, &b.group_deviations, n);
        assert_eq!(a.votes, b.votes);
    }
}

proptest! {
    #[test]
    fn any_partition_of_the_passes_merges_to_the_sums_of_all(
        part_of in prop::collection::vec(0..4usize, 1..60)
    ) {
        let samples = many(part_of.len());
        let part = |part: usize| {
            let own = samples.iter().zip(&part_of).filter(|(_, of)| **of == part);
            sums_of(&own.map(|(sample, _)| sample.clone()).collect::<Vec<_>>())
        };
        assert_close(&merged((0..4).map(part)), &sums_of(&samples));
    }

    #[test]
    fn groups_are_merged_with_their_sums(first in 1..7usize) {
        let samples = many(8 * BLOCK);
        let in_order = |samples: &[Vec<f32>]| {
            let mut sums = sums_of(&samples[..BLOCK]);
            sums.end_group();
            for block in samples[BLOCK..].chunks(BLOCK) {
                let block: Vec<_> = block
                    .iter()
                    .map(|s| scores(s, N_CHANNELS, SIZE, OutputKind::Logits))
                    .collect();
                sums.add(&block).unwrap();
                sums.end_group();
            }
            sums
        };
        let (a, b) = samples.split_at(first * BLOCK);
        let (sums, whole) = (merged([in_order(a), in_order(b)]), in_order(&samples));
        prop_assert_eq!(sums.n_groups(), 8);
        assert_close(&sums, &whole);
        for source in [VarianceSource::Samples, VarianceSource::BlockMeans] {
            let (a, b) = (sums.entropy_error(source, 0), whole.entropy_error(source, 0));
            prop_assert!((a.noise - b.noise).abs() < 1e-4 * b.noise);
        }
    }

    #[test]
    fn blocks_merge_to_the_same_bits_in_any_order(
        part_of in prop::collection::vec(0..3usize, 1..20),
        order in Just((0..20usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let samples = many(part_of.len() * BLOCK);
        let blocks: Vec<_> = samples.chunks(BLOCK).map(sums_of_block).collect();
        let mut in_order = BlockSums::default();
        for (number, block) in (0..).zip(&blocks) {
            in_order.insert(number, block.clone());
        }
        let mut parts = vec![BlockSums::default(); 3];
        for number in order.into_iter().filter(|&number| number < blocks.len()) {
            parts[part_of[number]].insert(number as u32, blocks[number].clone());
        }
        let mut any_order = BlockSums::default();
        for part in parts.into_iter().rev() {
            any_order.merge(part);
        }
        let (in_order, any_order) =
            (in_order.finish().unwrap(), any_order.finish().unwrap());
        assert_close(&in_order, &{
            let mut whole = sums_of(&samples);
            whole.strips.iter_mut().zip(&in_order.strips).for_each(|(whole, other)| {
                whole.group_deviations.clone_from(&other.group_deviations);
            });
            whole
        });
        prop_assert_eq!(bits(&any_order.finish()), bits(&in_order.finish()));
    }
}

#[test]
fn merging_with_no_passes_changes_no_bit() {
    let samples = many(5);
    let alone = bits(&sums_of(&samples).finish());
    assert_eq!(bits(&merged([sums_of(&samples), sums_of(&[])]).finish()), alone);
    assert_eq!(bits(&merged([sums_of(&[]), sums_of(&samples)]).finish()), alone);
}

#[test]
fn equal_samples_keep_their_mean_and_no_variance() {
    let sample = many(1);
    let sums = merged([sums_of(&vec![sample[0].clone(); 7]), sums_of(&sample)]);
    let once = sums_of(&sample);
    for (a, b) in sums.strips.iter().zip(&once.strips) {
        assert_eq!(a.mean, b.mean);
        assert!(a.deviations.iter().all(|d| d.to_bits() == 0));
    }
}

#[test]
#[should_panic(expected = "block 1 is already contained")]
fn a_block_counts_once() {
    let mut blocks = BlockSums::default();
    let block = sums_of_block(&many(BLOCK));
    for number in [0, 1, 1] {
        blocks.insert(number, block.clone());
    }
}
