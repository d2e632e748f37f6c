//! The rows, in blocks that never move, and where to find them by payer and by last four digits.
//!
//! Rows of one ending lie side by side as far as that costs little: an ending takes several slots at once, the more the
//! more people it has. A bucket is then read in stretches, which is several times as fast as row by row.
//!
//! A payer keeps his row for as long as he is in the gallery. So a search can let go of the lock between two blocks: what
//! it has not read yet stands where it stood.

use std::collections::HashMap;
use std::sync::Arc;

use types::{LastFour, PayerId};

use crate::block::{Block, NewRow, Person, Shape, Tag};
use crate::code::Grid;
use crate::kernel::Isa;
use crate::{Entry, GROUPS_MAX, GalleryError, ROWS_MAX, Status};

/// Payers are looked up in one of so many tables. One large table would now and then be copied whole, while everybody
/// waits.
const SHARDS: usize = 1_024;
/// Most slots an ending takes at once.
const STRETCH_MAX: usize = 16;
/// An ending takes one slot at once for so many it has: what it leaves unused is about a thirtieth.
const STRETCH_FOR: usize = 16;
/// More unused slots than this an ending gives back to all.
const SPARE_MAX: usize = 4 * STRETCH_MAX;
/// How many endings four digits have.
const ENDINGS: usize = 10_000;

const _: () = assert!(SHARDS == 1 << (64 - 54), "a shard is what is left of 64 bits");
const _: () = assert!(ROWS_MAX < u32::MAX as usize / 2, "slots are numbered with 32 bits, unused ones too");
const _: () = assert!(GROUPS_MAX < 1 << 14, "a tag has 14 bits for the group");

/// Payers of one region whose templates are means of equally many pictures: what a search counts by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Group {
    pub(crate) region: Arc<str>,
    pub(crate) pictures: u32,
}

/// Somebody of a bucket: enough to count him without going to his block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) slot: u32,
    pub(crate) tag: Tag,
}

/// Where a row is: block and row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) block: usize,
    pub(crate) row: usize,
}

/// Invariant: blocks and both indexes describe the same payers; buckets are sorted by slot.
pub(crate) struct Rows {
    pub(crate) shape: Shape,
    pub(crate) grid: Grid,
    pub(crate) isa: Isa,
    blocks: Vec<Block>,
    /// Slots below `next` that nobody uses and any ending may take.
    free: Vec<u32>,
    /// The same, kept for one ending.
    spare: Box<[Vec<u32>]>,
    /// The first slot that was never used.
    next: usize,
    len: usize,
    /// Those of one region share its name in memory.
    groups: Vec<Group>,
    /// Groups by region and pictures.
    ordered: Vec<u32>,
    group_index: HashMap<Group, u32>,
    by_payer: Box<[HashMap<PayerId, u32>]>,
    by_last_four: Box<[Vec<Member>]>,
}

impl Rows {
    pub(crate) fn new(shape: Shape, isa: Isa) -> Self {
        Self {
            shape,
            grid: Grid::new(shape.dimension),
            isa,
            blocks: Vec::new(),
            free: Vec::new(),
            spare: vec![Vec::new(); ENDINGS].into_boxed_slice(),
            next: 0,
            len: 0,
            groups: Vec::new(),
            ordered: Vec::new(),
            group_index: HashMap::new(),
            by_payer: vec![HashMap::new(); SHARDS].into_boxed_slice(),
            by_last_four: vec![Vec::new(); ENDINGS].into_boxed_slice(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// All groups, by region and then pictures.
    pub(crate) fn ordered(&self) -> impl Iterator<Item = (u32, &Group)> {
        self.ordered.iter().map(|at| (*at, &self.groups[*at as usize]))
    }

    #[inline]
    pub(crate) fn place(&self, slot: u32) -> Place {
        // A power of two, so that this is no division: it is asked for each row of a bucket.
        let (slot, rows) = (slot as usize, self.shape.rows);
        Place { block: slot >> rows.trailing_zeros(), row: slot & (rows - 1) }
    }

    pub(crate) fn slot_of(&self, payer: PayerId) -> Option<u32> {
        self.by_payer[shard(payer)].get(&payer).copied()
    }

    /// The rows of one ending, by rising slot.
    pub(crate) fn bucket(&self, last_four: LastFour) -> &[Member] {
        &self.by_last_four[usize::from(last_four.bucket())]
    }

    pub(crate) fn entry(&self, payer: PayerId) -> Option<Entry> {
        let place = self.place(self.slot_of(payer)?);
        self.entry_at(place)
    }

    /// `None` for a row in which nobody is.
    pub(crate) fn entry_at(&self, place: Place) -> Option<Entry> {
        let block = self.blocks.get(place.block)?;
        let Person { payer, last_four } = *block.person(place.row)?;
        let status = block.status(place.row)?;
        let Group { region, pictures } = self.groups[block.tags()[place.row].group() as usize].clone();
        Some(Entry { payer, pictures, last_four, status, region })
    }

    /// Memory that rows and indexes take. A table is at least half full, and a byte more a place.
    pub(crate) fn bytes(&self) -> u64 {
        let blocks: usize = self.blocks.iter().map(Block::bytes).sum();
        let tables: usize =
            self.by_payer.iter().map(|t| t.capacity() * 8 / 7 * (size_of::<(PayerId, u32)>() + 1)).sum();
        let buckets: usize = self.by_last_four.iter().map(|b| b.capacity() * size_of::<Member>()).sum();
        (blocks + tables + buckets) as u64
    }

    /// Whether one more payer needs a block more. It is made without holding the lock, because the system may take its
    /// time.
    pub(crate) fn wants_block(&self) -> bool {
        self.next + STRETCH_MAX > self.blocks.len() * self.shape.rows
    }

    pub(crate) fn add(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// `true` if the payer was new. There is room, or he is known.
    pub(crate) fn insert(&mut self, entry: Entry, numbers: &[f32]) -> Result<bool, GalleryError> {
        assert_eq!(numbers.len(), self.shape.dimension, "the caller checked the dimension");
        let Entry { payer, pictures, last_four, status, region } = entry;
        let known = self.slot_of(payer);
        if known.is_none() && self.len >= ROWS_MAX {
            return Err(GalleryError::Full);
        }
        let group = self.intern(Group { region, pictures })?;
        // After this point the insertion must succeed.
        let slot = known.unwrap_or_else(|| self.take_slot(usize::from(last_four.bucket())));
        if known.is_some() {
            self.leave_bucket(slot);
        } else {
            self.by_payer[shard(payer)].insert(payer, slot);
            self.len += 1;
        }
        let place = self.place(slot);
        let new = NewRow { person: Person { payer, last_four }, group, status };
        let block = &mut self.blocks[place.block];
        block.put(&self.grid, place.row, &new, numbers);
        let tag = block.tags()[place.row];
        let bucket = &mut self.by_last_four[usize::from(last_four.bucket())];
        bucket.insert(bucket.partition_point(|member| member.slot < slot), Member { slot, tag });
        Ok(known.is_none())
    }

    pub(crate) fn remove(&mut self, payer: PayerId) -> bool {
        let Some(slot) = self.by_payer[shard(payer)].remove(&payer) else { return false };
        self.leave_bucket(slot);
        let place = self.place(slot);
        let block = &mut self.blocks[place.block];
        let ending = block.person(place.row).map(|person| usize::from(person.last_four.bucket()));
        block.leave(place.row);
        match ending.map(|ending| &mut self.spare[ending]) {
            Some(spare) if spare.len() < SPARE_MAX => spare.push(slot),
            Some(_) | None => self.free.push(slot),
        }
        self.len -= 1;
        true
    }

    pub(crate) fn set_status(&mut self, payer: PayerId, status: Status) -> bool {
        let Some(slot) = self.slot_of(payer) else { return false };
        let place = self.place(slot);
        let block = &mut self.blocks[place.block];
        let tag = block.set_status(place.row, status);
        let Some(person) = block.person(place.row) else { return false };
        let bucket = &mut self.by_last_four[usize::from(person.last_four.bucket())];
        if let Ok(at) = bucket.binary_search_by_key(&slot, |member| member.slot) {
            bucket[at].tag = tag;
        }
        true
    }

    fn take_slot(&mut self, ending: usize) -> u32 {
        if let Some(slot) = self.spare[ending].pop() {
            return slot;
        }
        let stretch = self.by_last_four[ending].len() / STRETCH_FOR;
        if stretch < 2
            && let Some(slot) = self.free.pop()
        {
            return slot;
        }
        let slot = |at: usize| u32::try_from(at).expect("all slots fit 32 bits");
        let (first, many) = (self.next, stretch.clamp(1, STRETCH_MAX));
        self.next += many;
        // The last of them is taken first out, so that they are used in rising order.
        self.spare[ending].extend((first + 1..self.next).rev().map(slot));
        slot(first)
    }

    fn intern(&mut self, group: Group) -> Result<u32, GalleryError> {
        if let Some(known) = self.group_index.get(&group) {
            return Ok(*known);
        }
        if self.groups.len() >= GROUPS_MAX {
            return Err(GalleryError::Full);
        }
        let index = u32::try_from(self.groups.len()).expect("GROUPS_MAX fits 32 bits");
        let before = |g: &u32| {
            let known = &self.groups[*g as usize];
            (&known.region, known.pictures) < (&group.region, group.pictures)
        };
        let at = self.ordered.partition_point(before);
        let beside =
            [at.checked_sub(1), Some(at)].into_iter().flatten().filter_map(|at| self.ordered.get(at));
        let same = beside.map(|g| &self.groups[*g as usize].region).find(|region| **region == group.region);
        let region = Arc::clone(same.unwrap_or(&group.region));
        let group = Group { region, pictures: group.pictures };
        self.ordered.insert(at, index);
        self.groups.push(group.clone());
        self.group_index.insert(group, index);
        Ok(index)
    }

    fn leave_bucket(&mut self, slot: u32) {
        let place = self.place(slot);
        let Some(person) = self.blocks[place.block].person(place.row) else { return };
        let bucket = &mut self.by_last_four[usize::from(person.last_four.bucket())];
        if let Ok(at) = bucket.binary_search_by_key(&slot, |member| member.slot) {
            bucket.remove(at);
        }
    }
}

/// Ids are made of time and randomness; all of it is mixed, so that no sequence of ids fills one table.
#[expect(clippy::cast_possible_truncation, reason = "both halves were put together first")]
fn shard(payer: PayerId) -> usize {
    let bits = payer.to_bits();
    let mixed = (bits ^ (bits >> 64)) as u64;
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize
}

/// For tests: whether the indexes agree with the blocks, and nothing is left of who went.
#[cfg(test)]
impl Rows {
    pub(crate) fn blocks_mut(&mut self) -> &mut [Block] {
        &mut self.blocks
    }

    pub(crate) fn check_invariants(&self) {
        let mut seen = 0;
        for (at, block) in self.blocks.iter().enumerate() {
            block.check_invariants(&self.grid);
            for row in 0..block.scanned() {
                let Some(person) = block.person(row) else { continue };
                seen += 1;
                let slot = u32::try_from(at * self.shape.rows + row).unwrap();
                assert_eq!(self.slot_of(person.payer), Some(slot));
                let member = Member { slot, tag: block.tags()[row] };
                assert_eq!(self.bucket(person.last_four).iter().filter(|m| **m == member).count(), 1);
            }
        }
        assert_eq!(seen, self.len);
        assert_eq!(self.by_payer.iter().map(HashMap::len).sum::<usize>(), seen);
        assert_eq!(self.by_last_four.iter().map(Vec::len).sum::<usize>(), seen);
        assert!(self.by_last_four.iter().all(|bucket| bucket.is_sorted_by_key(|m| m.slot)));
        let spare: usize = self.spare.iter().map(Vec::len).sum();
        assert_eq!(self.free.len() + spare + seen, self.next);
        let regions: std::collections::BTreeSet<*const u8> =
            self.groups.iter().map(|g| g.region.as_ptr()).collect();
        let names: std::collections::BTreeSet<&str> = self.groups.iter().map(|g| &*g.region).collect();
        assert_eq!(regions.len(), names.len());
        assert!(self.ordered().map(|(_, g)| (&g.region, g.pictures)).is_sorted());
    }
}
