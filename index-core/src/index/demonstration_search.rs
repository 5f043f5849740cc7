//! One query against the demonstrations of one environment: the two retrievers of Algorithm 2, then ranking, selection
//! and packing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::error::IndexError;
use crate::index::columns::{EPISODE_COLUMN, UTILITY_COLUMN};
use crate::index::explain::{PartExplanation, StageTimes};
use crate::index::fusion::Fusion;
use crate::index::passing::{Conditions, PassingPart, passing_parts};
use crate::index::query::{Answer, Hit, Query, Ranking, Retriever};
use crate::index::selection::{Proposal, Rows, Selection, window_of};
use crate::index::shards::Shards;
use crate::index::snapshot::{Place, Snapshot};
use crate::index::vector_search::{EXPANSION, Found, VectorSearch};
use crate::lexical;
use crate::rank::{by_score_then_id, on_grid};
use crate::text::observation_hash;
use crate::vector::QueryVector;

/// First depth of a list per asked hit; deeper lists are fetched when duplicates and caps used it up.
const DEPTH: usize = 4;

pub(crate) struct DemonstrationSearch<'a> {
    shards: &'a Shards,
    snapshot: &'a Arc<Snapshot>,
    conditions: Conditions,
    passing: Vec<PassingPart>,
    passing_rows: usize,
    query: &'a Query,
    vector: Option<&'a QueryVector>,
    rows: Rows<'a>,
    times: StageTimes,
    parts: Vec<PartExplanation>,
}

pub(crate) fn search(
    shards: &Shards,
    snapshot: &Arc<Snapshot>,
    query: &Query,
    vector: Option<&QueryVector>,
) -> Result<Answer, IndexError> {
    let start = Instant::now();
    let conditions = conditions_of(query);
    let passing = passing_parts(&shards.layout.schema, snapshot, &conditions)?;
    let mut search = DemonstrationSearch {
        shards,
        conditions,
        snapshot,
        passing_rows: passing.iter().map(PassingPart::len).sum(),
        passing,
        query,
        vector,
        rows: Rows {
            snapshot,
            trajectory: EPISODE_COLUMN,
        },
        times: StageTimes::default(),
        parts: Vec::new(),
    };
    search.times.filter = micros_since(start);
    let mut selection = Selection::new(query.per_trajectory_max);
    match query.ranking {
        Ranking::Paper => search.select_as_in_the_paper(&mut selection),
        Ranking::Fused {
            rrf_k,
            mmr_lambda,
            utility_weight,
        } => {
            let fusion = Fusion {
                rrf_k,
                mmr_lambda,
                utility_weight,
                utility_column: UTILITY_COLUMN,
            };
            search.select_fused(&mut selection, &fusion);
        }
    }
    Ok(search.answer(selection))
}

fn conditions_of(query: &Query) -> Conditions {
    let exclude = &query.exclude;
    Conditions {
        filter: query.filter.clone(),
        excluded_values: vec![
            ("task", exclude.tasks.clone()),
            ("document", exclude.documents.clone()),
            ("episode", exclude.episodes.clone()),
        ],
        excluded_ids: exclude.demonstrations.clone(),
    }
}

impl<'a> DemonstrationSearch<'a> {
    fn select_as_in_the_paper(&mut self, selection: &mut Selection<'a>) {
        let query = self.query;
        let observation_based = query.observation_based;
        if let Some(observation) = query
            .observation
            .as_deref()
            .filter(|_| observation_based > 0)
        {
            let exact = self.exact(observation);
            selection.fill(observation_based, exact, &self.rows);
            if selection.kept.len() < observation_based {
                self.fill_deepening(selection, observation_based, |search, depth| {
                    search.lexical(observation, depth)
                });
            }
        }
        if let Some(vector) = self.vector.filter(|_| query.model_based > 0) {
            let most = selection.kept.len() + query.model_based;
            self.fill_deepening(selection, most, |search, depth| search.dense(vector, depth));
        }
    }

    /// Fills from a list, fetching it deeper while duplicates and caps leave the answer short.
    fn fill_deepening(
        &mut self,
        selection: &mut Selection<'a>,
        most: usize,
        list: impl Fn(&mut Self, usize) -> Vec<Proposal>,
    ) {
        let before = selection.clone();
        let mut depth = most.saturating_mul(DEPTH);
        loop {
            let proposals = list(self, depth);
            let is_all = proposals.len() < depth || depth >= self.passing_rows;
            let start = Instant::now();
            selection.fill(most, proposals, &self.rows);
            self.times.select += micros_since(start);
            if selection.kept.len() >= most || is_all {
                return;
            }
            selection.clone_from(&before);
            depth = depth.saturating_mul(DEPTH);
        }
    }

    fn select_fused(&mut self, selection: &mut Selection<'a>, fusion: &Fusion) {
        let query = self.query;
        let most = query.observation_based + query.model_based;
        let mut depth = most.saturating_mul(DEPTH);
        loop {
            let mut lists = Vec::new();
            if let Some(observation) = query
                .observation
                .as_deref()
                .filter(|_| query.observation_based > 0)
            {
                let mut exact = self.exact(observation);
                exact.truncate(depth);
                lists.push(exact);
                lists.push(self.lexical(observation, depth));
            }
            if let Some(vector) = self.vector.filter(|_| query.model_based > 0) {
                lists.push(self.dense(vector, depth));
            }
            let are_all = lists.iter().all(|list| list.len() < depth) || depth >= self.passing_rows;
            let start = Instant::now();
            let mut attempt = Selection::new(query.per_trajectory_max);
            fusion.select(
                &mut attempt,
                most,
                fusion.fuse(&lists, &self.rows),
                &self.rows,
            );
            self.times.select += micros_since(start);
            if attempt.kept.len() >= most || are_all {
                *selection = attempt;
                return;
            }
            depth = depth.saturating_mul(DEPTH);
        }
    }

    /// Demonstrations that contain exactly this observation, at its first place in each. They are equal as far as the
    /// observation goes, so those whose instruction and effects are nearest to the query come first.
    fn exact(&mut self, observation: &str) -> Vec<Proposal> {
        let start = Instant::now();
        let mut first: HashMap<Place, u32> = HashMap::new();
        if let Some(hash) = observation_hash(observation) {
            for (part, of) in self.snapshot.parts.iter().enumerate() {
                let places = of.segment.text.as_ref().map(|text| text.exact.places(hash));
                for (row, position) in places.into_iter().flatten() {
                    if self.passing[part].contains(row) {
                        let kept = first.entry(Place { part, row }).or_insert(position);
                        *kept = (*kept).min(position);
                    }
                }
            }
        }
        let mut found: Vec<(f64, Place, u32)> = first
            .into_iter()
            .map(|(place, position)| (self.nearness(place), place, position))
            .collect();
        found.sort_unstable_by(|left, right| {
            by_score_then_id(
                (left.0, self.rows.id(left.1)),
                (right.0, self.rows.id(right.1)),
            )
        });
        self.times.exact += micros_since(start);
        let proposal = |(rank, (_, place, position))| Proposal {
            place,
            position: Some(position),
            retriever: Retriever::ObservationExact,
            rank,
            score: 1.0,
            fused: None,
        };
        found.into_iter().enumerate().map(proposal).collect()
    }

    fn nearness(&self, place: Place) -> f64 {
        let block = self.snapshot.parts[place.part].segment.vectors.first();
        match (self.vector, block) {
            (Some(vector), Some(block)) if block.has(place.row) => {
                on_grid(block.score(vector, place.row))
            }
            _ => 0.0,
        }
    }

    fn lexical(&mut self, observation: &str, depth: usize) -> Vec<Proposal> {
        let start = Instant::now();
        let mut numbers = Vec::new();
        let mut parts = Vec::new();
        for (number, (part, passing)) in self.snapshot.parts.iter().zip(&self.passing).enumerate() {
            if let Some(part) = part.lexical(passing.as_passing()) {
                numbers.push(number);
                parts.push(part);
            }
        }
        let mut found: Vec<_> = lexical::search(observation, &parts, depth)
            .into_iter()
            .map(|hit| {
                (
                    Place {
                        part: numbers[hit.part],
                        row: hit.row,
                    },
                    hit.position,
                    hit.score,
                )
            })
            .collect();
        found.sort_unstable_by(|left, right| {
            by_score_then_id(
                (left.2, self.rows.id(left.0)),
                (right.2, self.rows.id(right.0)),
            )
        });
        found.truncate(depth);
        self.times.lexical += micros_since(start);
        let proposal = |(rank, (place, position, score))| Proposal {
            place,
            position: Some(position),
            retriever: Retriever::ObservationBm25,
            rank,
            score,
            fused: None,
        };
        found.into_iter().enumerate().map(proposal).collect()
    }

    fn dense(&mut self, vector: &QueryVector, depth: usize) -> Vec<Proposal> {
        let start = Instant::now();
        let search = VectorSearch {
            snapshot: self.snapshot,
            field: 0,
            passing: &self.passing,
            mode: self.query.mode,
            expansion: EXPANSION,
        };
        let k = depth.min(self.passing_rows);
        let (found, parts) = search.nearest(vector, k);
        self.shards
            .probe(self.snapshot, &self.conditions, vector, (k, &found, &parts));
        self.parts = parts;
        self.times.dense += micros_since(start);
        let proposal = |(rank, Found { place, score })| Proposal {
            place,
            position: None,
            retriever: Retriever::ModelDense,
            rank,
            score,
            fused: None,
        };
        found.into_iter().enumerate().map(proposal).collect()
    }

    fn answer(mut self, mut selection: Selection<'a>) -> Answer {
        let start = Instant::now();
        let windowed = |kept: &Proposal| {
            let tokens = self
                .rows
                .text(kept.place)
                .map_or(&[][..], |text| text.tokens(kept.place.row));
            window_of(tokens, kept.position, self.query.window)
        };
        selection.pack(self.query.token_budget, |kept| windowed(kept).1);
        let hit = |kept: &Proposal| {
            let (window, tokens) = windowed(kept);
            let payload = self
                .rows
                .text(kept.place)
                .map_or("", |text| text.payload(kept.place.row));
            Hit {
                id: self.rows.id(kept.place).to_owned(),
                position: kept.position,
                retriever: kept.retriever,
                rank: kept.rank,
                score: kept.score,
                fused: kept.fused,
                window,
                tokens,
                payload: payload.to_owned(),
            }
        };
        let hits = selection.kept.iter().map(hit).collect();
        self.times.select += micros_since(start);
        Answer {
            hits,
            dropped: selection.dropped,
            passing: self.passing_rows,
            epoch: self.snapshot.epoch(),
            explanation: crate::index::explain::Explanation {
                parts: self.parts,
                times: self.times,
            },
        }
    }
}

fn micros_since(start: Instant) -> u32 {
    u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX)
}
