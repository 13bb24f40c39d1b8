//! Multiply-adds of `Einsum` equations.

use std::collections::BTreeMap;

use super::tensors::product;

/// Returns the multiply-adds of an equation for operands of these sizes: the product of the sizes
/// of all its letters, 0 for one operand. For three or more it is an upper bound, since the runtime
/// chooses the order of the products. `None` if equation and shapes disagree.
pub(super) fn multiply_adds(equation: &str, operands: &[Vec<usize>]) -> Option<u64> {
    let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let terms = equation.split("->").next()?;
    let terms: Vec<&str> = terms.split(',').collect();
    if terms.len() != operands.len() {
        return None;
    }
    // Sizes of 1 are broadcast, so the largest counts.
    let mut sizes: BTreeMap<EinsumAxis, usize> = BTreeMap::new();
    for (term, operand) in terms.iter().zip(operands) {
        for (axis, &size) in axes(term, operand.len())?.into_iter().zip(operand) {
            let known = sizes.entry(axis).or_insert(size);
            *known = if size.min(*known) == 0 { 0 } else { size.max(*known) };
        }
    }
    Some(if terms.len() < 2 { 0 } else { product(sizes.values()) })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum EinsumAxis {
    Letter(char),
    /// An axis of the dots, counted from their end.
    Dots(usize),
}

/// Returns the label of each axis of an operand; `None` if their number does not fit.
fn axes(term: &str, rank: usize) -> Option<Vec<EinsumAxis>> {
    let (before, behind) = term.split_once("...").unwrap_or((term, ""));
    let letters = |text: &str| -> Option<Vec<EinsumAxis>> {
        text.chars().map(|c| c.is_alphabetic().then_some(EinsumAxis::Letter(c))).collect()
    };
    let (mut axes, behind) = (letters(before)?, letters(behind)?);
    let dots = rank.checked_sub(axes.len() + behind.len())?;
    if dots > 0 && !term.contains("...") {
        return None;
    }
    axes.extend((0..dots).rev().map(EinsumAxis::Dots));
    axes.extend(behind);
    Some(axes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equation_costs_the_product_of_its_letters() {
        for (equation, operands, expected) in [
            ("ij,jk->ik", &[vec![2, 3], vec![3, 5]][..], Some(30)),
            (
                "b h q d, b h k d -> b h q k",
                &[vec![2, 3, 5, 7], vec![2, 3, 11, 7]],
                Some(2310),
            ),
            ("...ij,jk", &[vec![4, 2, 3], vec![3, 5]], Some(120)),
            ("...i,...i->...", &[vec![4, 1, 3], vec![6, 3]], Some(72)),
            ("i,j,k->", &[vec![2], vec![3], vec![5]], Some(30)),
            ("ij->ji", &[vec![2, 3]], Some(0)),
            ("ii,i->i", &[vec![4, 4], vec![4]], Some(4)),
            ("ij,jk", &[vec![2, 3, 4], vec![3, 5]], None),
            ("ij,jk", &[vec![2, 3]], None),
            ("ij,", &[vec![2, 3], vec![]], Some(6)),
            ("i1,j", &[vec![2, 3], vec![4]], None),
            ("ij,jk", &[vec![0, 3], vec![3, 5]], Some(0)),
        ] {
            assert_eq!(multiply_adds(equation, operands), expected, "{equation}");
        }
    }
}
