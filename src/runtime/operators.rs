//! Registration of mcdrop's own operators.

use std::sync::Arc;

use half::f16;
use ort::operator::OperatorDomain;

use super::dropout::DropoutOperator;
use super::noise::NoiseOperator;
use super::site_counts::SiteCounts;

/// Adds the dropout operator for each element type, and the noise operator.
pub(super) fn add_to(
    domain: OperatorDomain,
    counts: &Arc<SiteCounts>,
) -> ort::Result<OperatorDomain> {
    let single = DropoutOperator::<f32>::new(counts);
    let half = DropoutOperator::<f16>::new(counts);
    let noise = NoiseOperator { counts: Arc::clone(counts) };
    domain.add(single)?.add(half)?.add(noise)
}
