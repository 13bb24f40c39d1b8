//! Changes led by what they reach in the code, by `libFuzzer`, without an end of its own.
//!
//! `FUZZ_TARGET` names the target. With `FUZZ_SEEDS` as well, its seeds are written into that
//! folder first.

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

// Its own changes know nothing of the form of the files, ours nothing of what was reached.
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
