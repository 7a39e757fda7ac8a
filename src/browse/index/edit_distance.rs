//! How many typing errors are between two words.

use super::name_table::LetterSet;

/// The longest word that is compared.
const MAX_LENGTH: usize = 48;

/// How many errors a word of so many letters may have and still be meant.
pub(super) fn errors_allowed(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

/// The number of letters that are missing, added, other or swapped with their neighbour; `None` if it is above `max`.
pub(super) fn edit_distance(a: &[u8], b: &[u8], max: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > max || a.len().max(b.len()) > MAX_LENGTH {
        return None;
    }
    if has_other_letters(a, b, max) {
        return None;
    }
    let mut before_last = [0_usize; MAX_LENGTH + 1];
    let mut last = std::array::from_fn::<usize, { MAX_LENGTH + 1 }, _>(|at| at);
    let mut previous_a = None;
    for (row, &of_a) in a.iter().enumerate() {
        let mut current = [0_usize; MAX_LENGTH + 1];
        let mut left = row.saturating_add(1);
        let mut lowest = left;
        if let Some(first) = current.first_mut() {
            *first = left;
        }
        let mut previous_b = None;
        let above = last.iter().zip(last.iter().skip(1));
        let two_above = [usize::MAX].iter().chain(&before_last);
        let cells = current.iter_mut().skip(1).zip(above).zip(two_above);
        for (&of_b, ((cell, (diagonal, up)), swapped)) in b.iter().zip(cells) {
            let other = diagonal.saturating_add(usize::from(of_a != of_b));
            let mut cost = other.min(up.saturating_add(1)).min(left.saturating_add(1));
            if previous_a == Some(of_b) && previous_b == Some(of_a) {
                cost = cost.min(swapped.saturating_add(1));
            }
            *cell = cost;
            left = cost;
            lowest = lowest.min(cost);
            previous_b = Some(of_b);
        }
        if lowest > max {
            return None;
        }
        before_last = last;
        last = current;
        previous_a = Some(of_a);
    }
    last.get(b.len()).copied().filter(|distance| *distance <= max)
}

/// Whether too many letters are in one of the words alone. This is cheap, and true of most pairs.
fn has_other_letters(a: &[u8], b: &[u8], max: usize) -> bool {
    let (a, b) = (LetterSet::of(a), LetterSet::of(b));
    a.missing_in(b).max(b.missing_in(a)) > max
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn distance(a: &str, b: &str) -> Option<usize> {
        edit_distance(a.as_bytes(), b.as_bytes(), 2)
    }

    #[test]
    fn counts_errors() {
        assert_eq!(distance("json", "json"), Some(0));
        assert_eq!(distance("jsn", "json"), Some(1));
        assert_eq!(distance("jsno", "json"), Some(1));
        assert_eq!(distance("phenix", "phoenix"), Some(1));
        assert_eq!(distance("phnoeix", "phoenix"), Some(2));
        assert_eq!(distance("abc", "xyz"), None);
        assert_eq!(distance("", "ab"), Some(2));
        assert_eq!(distance("", ""), Some(0));
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_way(a in "[abc]{0,9}", b in "[abc]{0,9}") {
            let plain = strsim::osa_distance(&a, &b);
            prop_assert_eq!(distance(&a, &b), Some(plain).filter(|plain| *plain <= 2));
        }
    }
}
