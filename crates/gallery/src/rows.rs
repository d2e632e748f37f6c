//! The rows: coordinates in blocks that never move, entries beside them, an index by payer and by last four digits.

use std::collections::HashMap;
use std::sync::Arc;

use types::{LastFour, PayerId};
use zeroize::{Zeroize, Zeroizing};

use crate::{Entry, GROUPS_MAX, GalleryError, ROWS_MAX, Status};

/// Rows in one block: 2 MiB at 128 dimensions. Blocks keep growth from copying, and thereby leaving behind, templates.
const BLOCK_ROWS: usize = 4_096;

/// Payers of one region whose templates are means of equally many pictures: what a search counts by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Group {
    pub(crate) region: Arc<str>,
    pub(crate) pictures: u32,
}

/// One payer, without coordinates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) payer: PayerId,
    pub(crate) last_four: LastFour,
    pub(crate) status: Status,
    /// Index into [`Rows::groups`].
    pub(crate) group: u32,
}

/// Invariant: `rows`, the coordinates and both indexes describe the same payers; unused coordinates are zero.
pub(crate) struct Rows {
    dimension: usize,
    blocks: Vec<Zeroizing<Box<[f32]>>>,
    rows: Vec<Row>,
    groups: Vec<Group>,
    group_index: HashMap<Group, u32>,
    by_payer: HashMap<PayerId, u32>,
    by_last_four: HashMap<LastFour, Vec<u32>>,
}

impl Rows {
    pub(crate) fn new(dimension: usize) -> Self {
        Self {
            dimension,
            blocks: Vec::new(),
            rows: Vec::new(),
            groups: Vec::new(),
            group_index: HashMap::new(),
            by_payer: HashMap::new(),
            by_last_four: HashMap::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub(crate) fn row(&self, index: u32) -> &Row {
        &self.rows[position(index)]
    }

    pub(crate) fn index_of(&self, payer: PayerId) -> Option<u32> {
        self.by_payer.get(&payer).copied()
    }

    /// Rows of one bucket, in no particular order.
    pub(crate) fn bucket(&self, last_four: LastFour) -> &[u32] {
        self.by_last_four.get(&last_four).map_or(&[], Vec::as_slice)
    }

    /// The coordinates of one row.
    pub(crate) fn coordinates(&self, index: u32) -> &[f32] {
        let (block, from) = self.place(index);
        &self.blocks[block][from..from + self.dimension]
    }

    /// The coordinates of all rows in order, block by block.
    pub(crate) fn scan(&self) -> impl Iterator<Item = &[f32]> {
        self.blocks.iter().flat_map(|block| block.chunks_exact(self.dimension)).take(self.rows.len())
    }

    pub(crate) fn entry(&self, payer: PayerId) -> Option<Entry> {
        let Row { payer, last_four, status, group } = *self.row(self.index_of(payer)?);
        let Group { region, pictures } = self.groups[position(group)].clone();
        Some(Entry { payer, pictures, last_four, status, region })
    }

    /// `true` if the payer was new.
    pub(crate) fn insert(&mut self, entry: Entry, coordinates: &[f32]) -> Result<bool, GalleryError> {
        assert_eq!(coordinates.len(), self.dimension, "the caller checked the dimension");
        let Entry { payer, pictures, last_four, status, region } = entry;
        let known = self.index_of(payer);
        if known.is_none() && self.rows.len() >= ROWS_MAX {
            return Err(GalleryError::Full);
        }
        let group = self.intern(Group { region, pictures })?;
        // After this point the insertion must succeed.
        let row = Row { payer, last_four, status, group };
        let index = known.unwrap_or_else(|| number(self.rows.len()));
        if known.is_some() {
            self.leave_bucket(index);
            self.rows[position(index)] = row;
        } else {
            self.rows.push(row);
            self.by_payer.insert(payer, index);
            if self.blocks.len() * BLOCK_ROWS < self.rows.len() {
                let block = vec![0.0; BLOCK_ROWS * self.dimension].into_boxed_slice();
                self.blocks.push(Zeroizing::new(block));
            }
        }
        self.by_last_four.entry(last_four).or_default().push(index);
        self.coordinates_mut(index).copy_from_slice(coordinates);
        Ok(known.is_none())
    }

    /// The last row takes the place of the removed one.
    pub(crate) fn remove(&mut self, payer: PayerId) -> bool {
        let Some(index) = self.by_payer.remove(&payer) else { return false };
        self.leave_bucket(index);
        let last = number(self.rows.len() - 1);
        self.rows.swap_remove(position(index));
        if index != last {
            let moved = *self.row(index);
            self.by_payer.insert(moved.payer, index);
            if let Some(bucket) = self.by_last_four.get_mut(&moved.last_four) {
                bucket.iter_mut().filter(|i| **i == last).for_each(|i| *i = index);
            }
            let template = Zeroizing::new(self.coordinates(last).to_vec());
            self.coordinates_mut(index).copy_from_slice(&template);
        }
        self.coordinates_mut(last).zeroize();
        true
    }

    pub(crate) fn set_status(&mut self, payer: PayerId, status: Status) -> bool {
        let Some(index) = self.index_of(payer) else { return false };
        self.rows[position(index)].status = status;
        true
    }

    fn intern(&mut self, group: Group) -> Result<u32, GalleryError> {
        if let Some(known) = self.group_index.get(&group) {
            return Ok(*known);
        }
        if self.groups.len() >= GROUPS_MAX {
            return Err(GalleryError::Full);
        }
        let index = number(self.groups.len());
        self.groups.push(group.clone());
        self.group_index.insert(group, index);
        Ok(index)
    }

    fn leave_bucket(&mut self, index: u32) {
        let last_four = self.row(index).last_four;
        let Some(bucket) = self.by_last_four.get_mut(&last_four) else { return };
        bucket.retain(|i| *i != index);
        if bucket.is_empty() {
            self.by_last_four.remove(&last_four);
        }
    }

    fn coordinates_mut(&mut self, index: u32) -> &mut [f32] {
        let (block, from) = self.place(index);
        &mut self.blocks[block][from..from + self.dimension]
    }

    fn place(&self, index: u32) -> (usize, usize) {
        let index = position(index);
        (index / BLOCK_ROWS, index % BLOCK_ROWS * self.dimension)
    }
}

fn position(index: u32) -> usize {
    usize::try_from(index).expect("a usize has 32 bits at least")
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("ROWS_MAX fits 32 bits")
}

/// For tests: whether nothing of a template is left beyond the last row, and the indexes agree with the rows.
#[cfg(test)]
impl Rows {
    pub(crate) fn check_invariants(&self) {
        for (index, row) in self.rows.iter().enumerate() {
            assert_eq!(self.by_payer.get(&row.payer), Some(&number(index)));
            assert_eq!(self.bucket(row.last_four).iter().filter(|i| **i == number(index)).count(), 1);
        }
        assert_eq!(self.by_payer.len(), self.rows.len());
        assert_eq!(self.by_last_four.values().map(Vec::len).sum::<usize>(), self.rows.len());
        let unused = self.blocks.iter().flat_map(|b| b.chunks_exact(self.dimension)).skip(self.rows.len());
        assert!(unused.flatten().all(|v| v.to_bits() == 0));
    }
}
