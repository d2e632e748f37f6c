//! Lists of pairs in folds, as Labeled Faces in the Wild has them.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail, ensure};
use identity::eval::FoldPair;
use types::Template;

use crate::commands::calibrate::embedding::People;

/// Two pictures of one list, each a name and the number of the picture.
pub(super) struct Pair {
    fold: usize,
    pictures: [(String, u32); 2],
}

/// Reads a list: a first line with the number of folds and of pairs of each kind in a fold; then, for each fold, pairs
/// of one person (`name n m`) and pairs of two (`name n name m`). A first line with one number is one of a single
/// fold.
pub(super) fn read(text: &str) -> Result<Vec<Pair>> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let head: Vec<usize> = lines
        .next()
        .context("the list is empty")?
        .split_whitespace()
        .map(|word| word.parse().context("the first line says how many folds and pairs there are"))
        .collect::<Result<_>>()?;
    let (folds, each) = match head.as_slice() {
        [folds, each] => (*folds, *each),
        [each] => (1, *each),
        _ => bail!("the first line says how many folds and pairs there are"),
    };
    ensure!(
        (1..=1_000).contains(&folds) && (1..=1_000_000).contains(&each),
        "implausible numbers in the first line"
    );
    let mut pairs = Vec::new();
    for (at, line) in lines.enumerate() {
        let number = |word: &str| word.parse().with_context(|| format!("line {}: no number: {word}", at + 2));
        let words: Vec<&str> = line.split_whitespace().collect();
        let pictures = match words.as_slice() {
            [name, n, m] => [((*name).to_owned(), number(n)?), ((*name).to_owned(), number(m)?)],
            [one, n, other, m] => [((*one).to_owned(), number(n)?), ((*other).to_owned(), number(m)?)],
            _ => bail!("line {}: a pair has three or four words", at + 2),
        };
        pairs.push(Pair { fold: at / (2 * each), pictures });
    }
    ensure!(
        pairs.len() == folds * each * 2,
        "the list has {} pairs and its first line another number",
        pairs.len()
    );
    Ok(pairs)
}

/// The pairs' scores; below -1 where a picture gave no template or is not there. Picture `n` of `Name` is the file
/// `Name_000n` with any extension.
pub(super) fn score(pairs: &[Pair], people: &People) -> Vec<FoldPair> {
    let mut known: HashMap<String, &Template> = HashMap::new();
    for (subject, files) in people.subjects.iter().zip(&people.files) {
        for (template, file) in subject.templates.iter().zip(files) {
            let stem = file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem);
            known.insert(format!("{}/{stem}", subject.name), template);
        }
    }
    let template = |(name, n): &(String, u32)| known.get(&format!("{name}/{name}_{n:04}")).copied();
    let score = |pair: &Pair| {
        let [a, b] = &pair.pictures;
        let score = template(a).zip(template(b)).map_or(-2.0, |(a, b)| a.similarity(b).value());
        FoldPair { fold: pair.fold, score, same: a.0 == b.0 }
    };
    pairs.iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_and_refuses_others() {
        let pairs = read("2\t1\nAda\t1\t2\nAda 1 Bob 3\n\nCy 1 2\nCy 4 Di 1\n").unwrap();
        assert_eq!(pairs.iter().map(|p| p.fold).collect::<Vec<_>>(), [0, 0, 1, 1]);
        assert_eq!(pairs[1].pictures, [("Ada".to_owned(), 1), ("Bob".to_owned(), 3)]);
        for (list, part) in [
            ("", "empty"),
            ("x\n", "first line"),
            ("1 2 3\n", "first line"),
            ("0 5\n", "implausible"),
            ("1 1\nAda 1 2\n", "another number"),
            ("1 1\nAda 1 2\nAda 1\n", "line 3"),
            ("1 1\nAda one 2\nAda 1 2\n", "line 2"),
        ] {
            let Err(error) = read(list) else { panic!("{list:?} was read") };
            assert!(format!("{error:#}").contains(part), "{list:?}: {error:#}");
        }
    }
}
