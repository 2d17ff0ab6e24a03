//! A shape for each colour, so that lines can be told apart without it.

use super::chart::{COLOURS, short};

/// The shape of the `n`th colour around a point, as the steps of a path.
pub(super) fn shape(n: usize, x: f64, y: f64) -> String {
    let from = |dx: f64, dy: f64| format!("M{} {}", short(x + dx), short(y + dy));
    let (plus, cross) = (
        || format!("{}h7{}v7", from(-3.5, 0.0), from(0.0, -3.5)),
        || format!("{}l5.6 5.6{}l5.6-5.6", from(-2.8, -2.8), from(-2.8, 2.8)),
    );
    match n % COLOURS {
        0 => format!("{}a2.8 2.8 0 1 0 5.6 0a2.8 2.8 0 1 0-5.6 0Z", from(-2.8, 0.0)),
        1 => format!("{}h5.2v5.2h-5.2Z", from(-2.6, -2.6)),
        2 => format!("{}l3.4 6h-6.8Z", from(0.0, -3.6)),
        3 => format!("{}l3.6 3.6-3.6 3.6-3.6-3.6Z", from(0.0, -3.6)),
        4 => format!("{}l3.4-6h-6.8Z", from(0.0, 3.6)),
        5 => plus(),
        6 => cross(),
        _ => plus() + &cross(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_colours_have_one_shape() {
        let shapes: BTreeSet<String> = (0..COLOURS).map(|n| shape(n, 10.0, 10.0)).collect();
        assert_eq!(shapes.len(), COLOURS);
    }
}
