//! The gallery as a stream of bytes, so that a start need not open every template one by one.
//!
//! A snapshot is only a cache: what counts is the store. So whoever restores one says of each payer what the store knows of
//! him today, and whoever is not confirmed is not in the gallery. It holds templates in the clear: *sealing it before it
//! touches a disk is the caller's*, and so is bringing those whom the store has and the snapshot has not.
//!
//! ```text
//! "surety gallery\n"  version u32  dimension u32  model 32 bytes
//! for each block that has somebody: people u32, and for each of them
//!     payer u128  last four digits u16  live 0 or paused 1 u8  pictures u8  region: length u32, UTF-8  numbers f32...
//! 0 u32  people in all u64  SHA-256 of everything before
//! ```
//!
//! All numbers are little-endian. Nothing of a stream is believed before its last 32 bytes were.

use std::io::{self, Read, Write};
use std::num::NonZeroUsize;

use sha2::{Digest as _, Sha256};
use types::PayerId;
use zeroize::{Zeroize as _, Zeroizing};

use crate::block::Block;
use crate::code::{DIMENSION_MAX, NORM_SLACK};
use crate::rows::{Place, Rows};
use crate::{Entry, Gallery, GalleryError, PICTURES_MAX, ROWS_MAX, Status};

const MAGIC: &[u8; 15] = b"surety gallery\n";
const VERSION: u32 = 1;
/// Longest region a snapshot takes, in bytes.
const REGION_MAX: usize = 4_096;
/// What a person takes besides region and numbers.
const FIXED: usize = 16 + 2 + 1 + 1 + 4;

/// Why there is no snapshot, or none that can be used. Then fill the gallery from the store.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Reading or writing failed.
    #[error("the snapshot could not be read or written: {0}")]
    Io(#[source] io::Error),
    /// It does not begin as a snapshot does.
    #[error("this is no snapshot of a gallery")]
    Foreign,
    /// Of another version.
    #[error("this snapshot is of version {found}, and only {VERSION} is known")]
    Version {
        /// The version.
        found: u32,
    },
    /// Of another model: the templates could not be compared with those made today.
    #[error("this snapshot holds templates of another model")]
    Model,
    /// Cut off, changed or continued.
    #[error("this snapshot is damaged: {what}")]
    Damaged {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A region's key is longer than 4,096 bytes.
    #[error("a region's key is too long for a snapshot: at most {REGION_MAX} bytes")]
    Region,
    /// The gallery could not be read or filled.
    #[error(transparent)]
    Gallery(GalleryError),
}

/// Which templates a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotModel {
    /// Numbers in a template.
    pub dimension: NonZeroUsize,
    /// SHA-256 of the model that made them.
    pub model: [u8; 32],
}

/// A gallery out of a snapshot.
#[derive(Debug)]
pub struct Restored {
    /// Those who were confirmed.
    pub gallery: Gallery,
    /// How many were in the snapshot and not confirmed.
    pub dropped: u64,
}

impl Gallery {
    /// Writes everybody, block by block: changes go on meanwhile, and whoever comes or goes is in it or not. How many.
    ///
    /// # Errors
    /// [`SnapshotError::Io`], [`SnapshotError::Region`], or [`SnapshotError::Gallery`] if the gallery is poisoned.
    pub fn snapshot(&self, model: &[u8; 32], to: impl Write) -> Result<u64, SnapshotError> {
        let mut to = Hashed { inner: to, hash: Sha256::new() };
        to.put(MAGIC)?;
        to.put(&VERSION.to_le_bytes())?;
        to.put(&u32::try_from(self.shape.dimension).unwrap_or(u32::MAX).to_le_bytes())?;
        to.put(model)?;
        let mut all = 0_u64;
        for at in 0.. {
            // Copied under the lock, written without it: the other end may be slow.
            let (people, bytes) = {
                let rows = self.read().map_err(SnapshotError::Gallery)?;
                let Some(block) = rows.blocks().get(at) else { break };
                write_block(&rows, at, block)?
            };
            if people > 0 {
                all += u64::from(people);
                to.put(&people.to_le_bytes())?;
                to.put(&bytes)?;
            }
        }
        to.put(&0_u32.to_le_bytes())?;
        to.put(&all.to_le_bytes())?;
        let Hashed { mut inner, hash } = to;
        inner.write_all(&hash.finalize()).map_err(SnapshotError::Io)?;
        inner.flush().map_err(SnapshotError::Io)?;
        Ok(all)
    }

    /// A gallery of those in a snapshot whom `confirm` lets in. It is given what the snapshot knows of a payer and the SHA-256
    /// of his template's numbers (little-endian), and answers what is known of him today, or nothing if he is not, or no
    /// longer with this template, in the store. An answer about another payer counts as nothing.
    ///
    /// # Errors
    /// Every [`SnapshotError`] but `Region`; nothing is restored then.
    pub fn restore(
        mut from: impl Read,
        of: &SnapshotModel,
        mut confirm: impl FnMut(&Entry, &[u8; 32]) -> Option<Entry>,
    ) -> Result<Restored, SnapshotError> {
        let mut from = Hashed { inner: &mut from, hash: Sha256::new() };
        from.header(of)?;
        let gallery = Self::new(of.dimension);
        let (mut all, mut dropped) = (0_u64, 0_u64);
        let mut numbers = Zeroizing::new(vec![0_f32; of.dimension.get()]);
        let mut bytes = Zeroizing::new(vec![0_u8; of.dimension.get() * size_of::<f32>()]);
        loop {
            let people = u32::from_le_bytes(from.take()?);
            if people == 0 {
                break;
            }
            all += u64::from(people);
            if all > ROWS_MAX as u64 {
                return Err(damaged("more people than a gallery holds"));
            }
            for _ in 0..people {
                let known = from.entry()?;
                from.fill(&mut bytes)?;
                let digest: [u8; 32] = Sha256::digest(&*bytes).into();
                for (number, four) in numbers.iter_mut().zip(bytes.as_chunks().0) {
                    *number = f32::from_le_bytes(*four);
                }
                check(&numbers)?;
                match confirm(&known, &digest).filter(|today| today.payer == known.payer) {
                    Some(today) => {
                        gallery.insert_numbers(today, &numbers).map_err(SnapshotError::Gallery)?;
                    }
                    None => dropped += 1,
                }
            }
        }
        from.trailer(all)?;
        Ok(Restored { gallery, dropped })
    }
}

/// How many people a block has, and the bytes of them.
fn write_block(rows: &Rows, at: usize, block: &Block) -> Result<(u32, Zeroizing<Vec<u8>>), SnapshotError> {
    let entries: Vec<(usize, Entry)> = (0..block.scanned())
        .filter_map(|row| Some((row, rows.entry_at(Place { block: at, row })?)))
        .collect();
    if entries.iter().any(|(_, entry)| entry.region.len() > REGION_MAX) {
        return Err(SnapshotError::Region);
    }
    let width = rows.shape.dimension * size_of::<f32>();
    // All the room at once: a vector that grows leaves what it held behind.
    let room = entries.iter().map(|(_, entry)| FIXED + entry.region.len() + width).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    for (row, entry) in &entries {
        let Entry { payer, pictures, last_four, status, region } = entry;
        bytes.extend_from_slice(&payer.to_bits().to_le_bytes());
        bytes.extend_from_slice(&last_four.bucket().to_le_bytes());
        bytes.push(u8::from(*status == Status::Paused));
        bytes.push(u8::try_from(*pictures).expect("PICTURES_MAX fits a byte"));
        bytes.extend_from_slice(&u32::try_from(region.len()).expect("checked above").to_le_bytes());
        bytes.extend_from_slice(region.as_bytes());
        for number in block.numbers(*row) {
            bytes.extend_from_slice(&f32::from_ne_bytes(*number).to_le_bytes());
        }
    }
    assert_eq!(bytes.len(), room, "the room was counted right");
    Ok((u32::try_from(entries.len()).expect("a block's rows fit 32 bits"), bytes))
}

/// What the bound of a search relies on: length 1.
fn check(numbers: &[f32]) -> Result<(), SnapshotError> {
    let length = numbers.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
    if (length - 1.0).abs() <= NORM_SLACK { Ok(()) } else { Err(damaged("a template that is none")) }
}

fn damaged(what: &'static str) -> SnapshotError {
    SnapshotError::Damaged { what }
}

/// Everything that goes through is hashed.
struct Hashed<T> {
    inner: T,
    hash: Sha256,
}

impl<W: Write> Hashed<W> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.hash.update(bytes);
        self.inner.write_all(bytes).map_err(SnapshotError::Io)
    }
}

impl<R: Read> Hashed<R> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), SnapshotError> {
        read(&mut self.inner, bytes)?;
        self.hash.update(bytes);
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn header(&mut self, of: &SnapshotModel) -> Result<(), SnapshotError> {
        if self.take::<15>()? != *MAGIC {
            return Err(SnapshotError::Foreign);
        }
        let found = u32::from_le_bytes(self.take()?);
        if found != VERSION {
            return Err(SnapshotError::Version { found });
        }
        let found = u32::from_le_bytes(self.take()?) as usize;
        let expected = of.dimension.get();
        if found != expected || expected > DIMENSION_MAX {
            return Err(SnapshotError::Gallery(GalleryError::Dimension { expected, found }));
        }
        if self.take::<32>()? == of.model { Ok(()) } else { Err(SnapshotError::Model) }
    }

    fn entry(&mut self) -> Result<Entry, SnapshotError> {
        let payer = PayerId::from_bits(u128::from_le_bytes(self.take()?));
        let digits = u16::from_le_bytes(self.take()?);
        let last_four = format!("{digits:04}").parse().map_err(|_none| damaged("digits that are none"))?;
        let [status, pictures] = self.take()?;
        let status = match status {
            0 => Status::Live,
            1 => Status::Paused,
            _ => return Err(damaged("a status that is none")),
        };
        let pictures = u32::from(pictures);
        if !(1..=PICTURES_MAX).contains(&pictures) {
            return Err(damaged("a number of pictures that cannot be"));
        }
        let length = u32::from_le_bytes(self.take()?) as usize;
        if length > REGION_MAX {
            return Err(damaged("a region that is too long"));
        }
        let mut region = vec![0; length];
        self.fill(&mut region)?;
        let region = String::from_utf8(region).map_err(|_none| damaged("a region that is no text"))?.into();
        Ok(Entry { payer, pictures, last_four, status, region })
    }

    fn trailer(mut self, people: u64) -> Result<(), SnapshotError> {
        if u64::from_le_bytes(self.take()?) != people {
            return Err(damaged("people are missing"));
        }
        let Self { mut inner, hash } = self;
        let mut told = [0; 32];
        read(&mut inner, &mut told)?;
        if told != *hash.finalize() {
            return Err(damaged("the checksum is wrong"));
        }
        let mut more = [0];
        match inner.read(&mut more) {
            Ok(0) => Ok(()),
            Ok(_) => Err(damaged("something follows its end")),
            Err(error) => Err(SnapshotError::Io(error)),
        }
    }
}

fn read(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), SnapshotError> {
    from.read_exact(bytes).map_err(|error| {
        bytes.zeroize();
        if error.kind() == io::ErrorKind::UnexpectedEof {
            damaged("it ends early")
        } else {
            SnapshotError::Io(error)
        }
    })
}
