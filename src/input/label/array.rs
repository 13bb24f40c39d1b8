//! `NumPy` arrays as ids.

use npyz::{DType, NpyFile, Order, TypeChar};

use super::{Ids, Refusal};

const EXPECTED: &str = "expected class ids as integers, shape (H, W)";

pub(super) fn read(bytes: &[u8]) -> Result<Ids, Refusal> {
    let broken = |error: std::io::Error| (error.to_string().to_lowercase(), EXPECTED);
    let file = NpyFile::new(bytes).map_err(broken)?;
    let shape = file.shape().to_vec();
    let [height, width] = plane(&shape).ok_or_else(|| wrong(&shape))?;
    if file.order() != Order::C {
        return Err(("its columns come first".to_owned(), "save it in C order"));
    }
    let kind = match file.dtype() {
        DType::Plain(kind) => (kind.type_char(), kind.size_field()),
        _ => (TypeChar::RawData, 0),
    };
    let id = |number: i64| {
        u32::try_from(number).map_err(|_| (format!("it holds {number}"), EXPECTED))
    };
    macro_rules! read {
        ($type:ty) => {{
            let values = file.into_vec::<$type>().map_err(broken)?;
            values
                .into_iter()
                .map(|value| id(i64::from(value)))
                .collect::<Result<_, _>>()?
        }};
    }
    let values = match kind {
        (TypeChar::Uint, 1) => read!(u8),
        (TypeChar::Uint, 2) => read!(u16),
        (TypeChar::Uint, 4) => read!(u32),
        (TypeChar::Int, 1) => read!(i8),
        (TypeChar::Int, 2) => read!(i16),
        (TypeChar::Int, 4) => read!(i32),
        (TypeChar::Int, 8) => read!(i64),
        _ => {
            return Err((
                format!("its numbers are of type {}", file.dtype().descr()),
                EXPECTED,
            ));
        }
    };
    Ok(Ids { height, width, values })
}

/// The two sides of a plane: a third may be 1.
fn plane(shape: &[u64]) -> Option<[usize; 2]> {
    let sides = match *shape {
        [height, width] | [1, height, width] | [height, width, 1] => [height, width],
        _ => return None,
    };
    let [height, width] = sides.map(|side| usize::try_from(side).ok());
    Some([height?, width?])
}

fn wrong(shape: &[u64]) -> Refusal {
    (format!("its shape is {shape:?}"), EXPECTED)
}
