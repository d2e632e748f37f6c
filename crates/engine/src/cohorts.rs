//! Which payers are measured by which cohort of the calibration: their home region says it, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use gallery::Search;
use identity::{Calibration, Cohort};
use risk::CohortArea;

use crate::engine::{Engine, region_point};
use crate::rejected::Error;

/// The policy's boxes, each with what the calibration in force calls its cohort.
pub(crate) struct Cohorts(Vec<(CohortArea, Cohort)>);

impl Cohorts {
    /// # Errors
    /// The policy names a cohort that the calibration does not have.
    pub(crate) fn of(areas: &[CohortArea], calibration: &Calibration) -> Result<Self> {
        let mut known = Vec::new();
        for area in areas {
            let Some(cohort) = calibration.cohort(&area.name) else {
                let id = &calibration.provenance().id;
                let has: Vec<&str> = calibration.cohorts().iter().map(|c| c.name.as_str()).collect();
                let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
                bail!(
                    "the policy names the cohort {}, which calibration {id} does not have (it has {has}); make one \
                     with `surety calibrate` and name it with --calibration, or take the cohort out of the policy",
                    area.name
                );
            };
            known.push((area.clone(), cohort));
        }
        Ok(Self(known))
    }

    /// The cohort of a [`crate::engine::region`]: that of the first box which holds its middle.
    pub(crate) fn of_region(&self, region: &str) -> Result<Cohort, Error> {
        if self.0.is_empty() {
            return Ok(Cohort::DEFAULT);
        }
        let at = first_holding(self.0.iter().map(|(area, _)| area), region)?;
        Ok(at.and_then(|at| self.0.get(at)).map_or(Cohort::DEFAULT, |(_, cohort)| *cohort))
    }
}

/// The place of the first box that holds the middle of a region.
pub(crate) fn first_holding<'a>(
    mut areas: impl Iterator<Item = &'a CohortArea>,
    region: &str,
) -> Result<Option<usize>> {
    let point = region_point(region).ok_or_else(|| anyhow!("the gallery holds an impossible region"))?;
    Ok(areas.position(|area| area.holds(point.latitude(), point.longitude())))
}

impl Engine {
    /// The cohort of every region that was searched.
    pub(crate) fn region_cohorts(&self, search: &Search) -> Result<BTreeMap<Arc<str>, Cohort>, Error> {
        let regions = search.searched_by_region.iter();
        regions.map(|(region, _)| Ok((Arc::clone(region), self.cohorts.of_region(region)?))).collect()
    }
}
