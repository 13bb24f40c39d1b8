//! Instruction sets: one safe kernel, compiled for each, chosen when the program runs.
//!
//! A kernel is an ordinary safe loop over independent lanes (pixels, units). [`Isa::run`] calls
//! it inside a function for which the compiler may use wider registers, so the same source
//! becomes SSE2, AVX2 or AVX-512 code. No kernel adds or multiplies across lanes, and Rust
//! neither contracts nor reorders floating-point arithmetic: every instruction set gives the
//! same bits, which the tests of each kernel show.
//!
//! An [`Isa`] is a proof that the processor has the instructions. Only [`Isa::detect`] and
//! [`Isa::supported`] return one, which makes [`Isa::run`] sound. This is the
//! only module that needs `unsafe` for speed.
#![expect(unsafe_code, reason = "entering a function with more CPU features is unsafe")]

/// An instruction set that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Level);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// Returns the widest instruction set that this processor has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if has_avx512() {
                return Self(Level::Avx512);
            }
            if has_avx2() {
                return Self(Level::Avx2);
            }
        }
        Self(Level::Baseline)
    }

    /// Returns every instruction set that this processor has, narrowest first.
    pub fn supported() -> Vec<Self> {
        let mut all = vec![Self(Level::Baseline)];
        #[cfg(target_arch = "x86_64")]
        {
            if has_avx2() {
                all.push(Self(Level::Avx2));
            }
            if has_avx512() {
                all.push(Self(Level::Avx512));
            }
        }
        all
    }

    /// Name in messages: `baseline` (what every processor of this kind has), `avx2`, `avx512`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Baseline => "baseline",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "avx512",
        }
    }

    /// Runs a kernel with this instruction set.
    ///
    /// The closure and every hot function that it calls must be `#[inline(always)]`: only code that
    /// is inlined into the entered function is compiled for the instruction set.
    #[inline(always)]
    pub fn run<R>(self, kernel: impl FnOnce() -> R) -> R {
        match self.0 {
            Level::Baseline => kernel(),
            // SAFETY: this level is only made if the processor has the features.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { enter_avx2(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { enter_avx512(kernel) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn enter_avx2<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn enter_avx512<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

/// Returns true if ONNX Runtime multiplies bytes exactly on this processor. Without instructions
/// for dot products of bytes, it adds pairs of products in 16 bits, which saturate.
#[cfg(test)]
pub(crate) fn has_exact_products_of_bytes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512vnni")
        || std::arch::is_x86_feature_detected!("avxvnni");
    #[cfg(not(target_arch = "x86_64"))]
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detected_set_is_the_widest_supported_one() {
        assert_eq!(Isa::supported().last(), Some(&Isa::detect()));
        assert_eq!(Isa::supported()[0].name(), "baseline");
    }

    #[test]
    fn every_isa_gives_the_same_bits() {
        let x: Vec<f32> = (0..1000).map(|i| 0.37 * i as f32 - 11.0).collect();
        let kernel = |isa: Isa| {
            let mut y = vec![0.0f32; x.len()];
            isa.run(
                #[inline(always)]
                || y.iter_mut().zip(&x).for_each(|(y, x)| *y = x * x - 3.3 * x + 1.7),
            );
            y
        };
        for isa in Isa::supported() {
            assert_eq!(kernel(isa), kernel(Isa::supported()[0]), "{}", isa.name());
        }
    }
}
