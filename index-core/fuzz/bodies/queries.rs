use std::sync::OnceLock;

use hindcast_index_core::{
    DemonstrationIndex, Exclusions, Filter, Query, Ranking, SearchMode, VectorQuery, Window,
};

use super::input::Input;
use super::sample::{DIMENSIONS, STORAGES, fill, open, vector};

/// Asks a sample whatever the input says.
pub(crate) fn queries(bytes: &[u8]) {
    static INDEXES: OnceLock<[DemonstrationIndex; 2]> = OnceLock::new();
    let indexes = INDEXES.get_or_init(|| {
        STORAGES.map(|storage| {
            let index = open(None, storage).unwrap();
            fill(&index).unwrap();
            index
        })
    });
    let input = &mut Input(bytes);
    let index = &indexes[input.byte() % 2];
    let asked = query(input);
    if let Ok(answer) = index.search(&asked) {
        let most = asked.observation_based + asked.model_based;
        assert!(answer.hits.len() <= most.min(answer.passing));
        assert!(answer.hits.iter().all(|hit| hit.score.is_finite()));
    }
    let asked = vector_query(input);
    if let Ok(answers) = index.search_vectors("shell", &asked) {
        assert_eq!(answers.len() * DIMENSIONS, asked.vectors.len());
        for answer in answers {
            assert_eq!(answer.ids.len(), answer.passing.min(asked.k), "never short");
            assert!(answer.scores.is_sorted_by(|left, right| left >= right));
        }
    }
}

fn query(input: &mut Input<'_>) -> Query {
    Query {
        environment: ["shell", "web", "nowhere"][input.byte() % 3].into(),
        mode: mode(input),
        observation_based: input.count(),
        model_based: input.count(),
        per_trajectory_max: input.count(),
        token_budget: (input.count() as u64).saturating_mul(64),
        observation: input.maybe(Input::text),
        query: input.maybe(Input::text),
        vector: match input.byte() % 8 {
            0 => None,
            1 => Some(input.several(Input::f32)),
            2 => Some((0..DIMENSIONS).map(|_| input.f32()).collect()),
            _ => Some(vector(17)),
        },
        window: input.maybe(|input| Window {
            before: input.count(),
            after: input.count(),
        }),
        ranking: ranking(input),
        exclude: exclusions(input),
        filter: input.maybe(|input| filter(input, 40)),
    }
}

fn vector_query(input: &mut Input<'_>) -> VectorQuery {
    VectorQuery {
        k: input.count(),
        mode: mode(input),
        expansion: input.maybe(Input::count),
        vectors: match input.byte() % 4 {
            0 => input.several(Input::f32),
            1 => (0..2 * DIMENSIONS).map(|_| input.f32()).collect(),
            _ => vector(3),
        },
        filter: input.maybe(|input| filter(input, 40)),
        exclude: exclusions(input),
    }
}

fn mode(input: &mut Input<'_>) -> SearchMode {
    [SearchMode::Auto, SearchMode::Exact, SearchMode::Graph][input.byte() % 3]
}

fn ranking(input: &mut Input<'_>) -> Ranking {
    if input.flag() {
        return Ranking::Paper;
    }
    Ranking::Fused {
        rrf_k: u32::try_from(input.count() & 0xffff_ffff).unwrap(),
        mmr_lambda: input.maybe(Input::f64),
        utility_weight: input.f64(),
    }
}

fn exclusions(input: &mut Input<'_>) -> Exclusions {
    Exclusions {
        demonstrations: input.several(Input::text),
        tasks: input.several(Input::text),
        documents: input.several(Input::text),
        episodes: input.several(Input::text),
    }
}

fn filter(input: &mut Input<'_>, depth: usize) -> Filter {
    let kind = input.byte() % 6;
    match kind {
        1 => Filter::Range(
            ["length", "utility", "task"][input.byte() % 3].into(),
            input.maybe(Input::f64),
            input.maybe(Input::f64),
        ),
        2..=5 if depth > 0 && !input.is_empty() => {
            let inner = |input: &mut Input<'_>| filter(input, depth - 1);
            match kind {
                2 => Filter::All(input.several(inner)),
                3 => Filter::Any(input.several(inner)),
                _ => Filter::Not(Box::new(inner(input))),
            }
        }
        _ => Filter::In(
            ["task", "document", "model", "colour", ""][input.byte() % 5].into(),
            input.several(Input::text),
        ),
    }
}
