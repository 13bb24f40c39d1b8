//! Changes guided by coverage, with `libFuzzer`, until it is stopped.
//!
//! `FUZZ_TARGET` names the target. If `FUZZ_SEEDS` is set as well, the seeds of the target are
//! written to that folder first.

use std::cell::RefCell;
use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

use crate::change::{Random, change};
use crate::scratch::Scratch;
use crate::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    *TARGETS.iter().find(|target| target.name == name).expect("FUZZ_TARGET is a target")
});
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| (TARGET.seeds)());

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

fn write_seeds() {
    let Some(folder) = std::env::var_os("FUZZ_SEEDS") else { return };
    std::fs::create_dir_all(&folder).unwrap();
    for (i, seed) in SEEDS.iter().enumerate() {
        std::fs::write(Path::new(&folder).join(format!("seed-{i}")), seed).unwrap();
    }
}

fuzz_target!(init: write_seeds(), |bytes: &[u8]| {
    SCRATCH.with_borrow(|scratch| {
        (TARGET.run)(scratch, bytes);
        scratch.empty();
    });
});

// The changes of `libFuzzer` know nothing of file formats, ours nothing of coverage.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 2 == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut random = Random::new(seed.into());
    let mut bytes = data[..size].to_vec();
    let other = &SEEDS[random.below(SEEDS.len())];
    change(&mut bytes, other, TARGET.words, &mut random);
    bytes.truncate(max_size);
    data[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
});
