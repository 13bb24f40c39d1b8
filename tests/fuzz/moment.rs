//! Changes every target's seeds for a second.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::change::{Random, change};
use crate::scratch::Scratch;
use crate::{TARGETS, Target};

/// Minimum time for the changes of each target.
const MOMENT: Duration = Duration::from_secs(1);
/// Minimum number of changes of each target, regardless of the time.
const LEAST: usize = 20;
/// Time after which an input counts as hanging; much longer than any needs on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs the target on its seeds, then on changes of them until the time is over.
fn hold(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = (target.seeds)();
    let scratch = Scratch::new();
    let mut longest = Duration::ZERO;
    for seed in &seeds {
        longest = longest.max(once(target, &scratch, seed));
    }
    let mut random = Random::new(1);
    let (begin, mut n) = (Instant::now(), 0);
    while n < LEAST || begin.elapsed() < MOMENT {
        let mut input = seeds[random.below(seeds.len())].clone();
        let other = &seeds[random.below(seeds.len())];
        change(&mut input, other, target.words, &mut random);
        longest = longest.max(once(target, &scratch, &input));
        n += 1;
    }
    println!("{name}: {} seeds, {n} changed ones, longest {longest:?}", seeds.len());
}

/// Runs one input; an input that fails is saved to a file.
fn once(target: &Target, scratch: &Scratch, input: &[u8]) -> Duration {
    let begin = Instant::now();
    let run = || (target.run)(scratch, input);
    let held = catch_unwind(AssertUnwindSafe(run)).is_ok();
    let took = begin.elapsed();
    scratch.empty();
    if !held || took > PATIENCE {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join(format!("fuzz-{}", target.name));
        std::fs::write(&path, input).unwrap();
        panic!("failed after {took:?} with the input in {}", path.display());
    }
    took
}

#[test]
fn images_of_any_bytes_are_read_or_refused_in_little_memory() {
    hold("image");
    #[cfg(target_os = "linux")]
    {
        /// 24 times the memory of the largest 8-bit image with three channels, and the program
        /// itself.
        const MOST_KIB: u64 = 300 << 10;
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        println!("peak memory: {peak} KiB");
        assert!(peak < MOST_KIB, "{peak} KiB, at most {MOST_KIB} are expected");
    }
}

#[test]
fn configurations_of_any_bytes_settle_what_images_become_or_are_refused() {
    hold("configuration");
}

#[test]
fn lists_of_any_bytes_give_names_that_stay_inside_a_folder_or_are_refused() {
    hold("manifest");
}

#[test]
fn models_of_any_bytes_are_opened_or_refused() {
    hold("model");
}

#[test]
fn tables_of_any_bytes_are_gone_on_with_or_left_as_they_are() {
    hold("table");
}

#[test]
fn the_same_seed_gives_the_same_changes_and_another_seed_others() {
    let changed = |seed| {
        let mut random = Random::new(seed);
        let change = |_| {
            let mut bytes = b"[1, 2, 3]\nsome text\nof three lines".to_vec();
            change(&mut bytes, b"other", &[b"word"], &mut random);
            bytes
        };
        (0..200).map(change).collect::<Vec<_>>()
    };
    assert_eq!(changed(1), changed(1));
    assert_ne!(changed(1), changed(2));
    let different: std::collections::HashSet<_> = changed(1).into_iter().collect();
    assert!(different.len() > 150, "{}", different.len());
}
