//! Reads ids from `NumPy` arrays.

use super::{LabelMap, Refusal, VOID};
use crate::npy;

const INTEGERS: &str = "expected class ids as integers, shape (H, W)";

pub(super) fn read(bytes: &[u8]) -> Result<LabelMap, Refusal> {
    let array = npy::open(bytes)
        .map_err(|error: std::io::Error| Refusal::new(error.to_string(), INTEGERS))?;
    let [height, width] = plane(&array.shape).ok_or_else(|| {
        Refusal::new(format!("its shape is {:?}", array.shape), INTEGERS)
    })?;
    if array.fortran_order {
        return Err(Refusal::new("it is in Fortran order", "save it in C order"));
    }
    let numbers = array.integers().ok_or_else(|| {
        Refusal::new(format!("its numbers are of type {}", array.kind), INTEGERS)
    })?;
    let id = |number: i64| {
        let id = u32::try_from(number).ok().filter(|id| *id != VOID);
        id.ok_or_else(|| Refusal::new(format!("it holds {number}"), INTEGERS))
    };
    let ids = numbers.into_iter().map(id).collect::<Result<_, _>>()?;
    Ok(LabelMap { height, width, ids, is_lossy: false })
}

/// Returns height and width; a third axis may have length 1.
fn plane(shape: &[usize]) -> Option<[usize; 2]> {
    match *shape {
        [height, width] | [1, height, width] | [height, width, 1] => {
            Some([height, width])
        }
        _ => None,
    }
}
