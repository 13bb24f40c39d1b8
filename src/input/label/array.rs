//! Reads ids from `NumPy` arrays.

use super::{Ids, Refusal};
use crate::npy;

const EXPECTED: &str = "expected class ids as integers, shape (H, W)";

pub(super) fn read(bytes: &[u8]) -> Result<Ids, Refusal> {
    let broken = |error: std::io::Error| (error.to_string(), EXPECTED);
    let array = npy::open(bytes).map_err(broken)?;
    let [height, width] = plane(&array.shape).ok_or_else(|| wrong(&array.shape))?;
    if array.fortran_order {
        return Err(("it is in Fortran order".to_owned(), "save it in C order"));
    }
    let numbers = array
        .integers()
        .ok_or_else(|| (format!("its numbers are of type {}", array.kind), EXPECTED))?;
    let id = |number: i64| {
        u32::try_from(number).map_err(|_| (format!("it holds {number}"), EXPECTED))
    };
    let values = numbers.into_iter().map(id).collect::<Result<_, _>>()?;
    Ok(Ids { height, width, values })
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

fn wrong(shape: &[usize]) -> Refusal {
    (format!("its shape is {shape:?}"), EXPECTED)
}
