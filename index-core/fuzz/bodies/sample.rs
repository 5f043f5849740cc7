//! A small index that has everything: two environments, graphs, flat segments, dead rows.

use std::path::Path;

use hindcast_index_core::{
    Demonstration, DemonstrationIndex, Embedder, Exclusions, IndexError, IndexOptions, Query,
    SearchMode, ShardOptions, VectorQuery, VectorStorage, Window,
};

pub(super) const DIMENSIONS: usize = 8;
pub(super) const STORAGES: [VectorStorage; 2] = [VectorStorage::F32, VectorStorage::Bf16];

pub(super) fn open(
    folder: Option<&Path>,
    storage: VectorStorage,
) -> Result<DemonstrationIndex, IndexError> {
    let options = IndexOptions {
        shard: ShardOptions { graph_rows_min: 16 },
        embedder: Embedder::External {
            name: "fuzz".into(),
            dimensions: DIMENSIONS,
        },
        storage,
        ..IndexOptions::default()
    };
    DemonstrationIndex::open(folder, options)
}

pub(super) fn vector(seed: u16) -> Vec<f32> {
    (0_u16..)
        .take(DIMENSIONS)
        .map(|at| f32::from((seed + 1).wrapping_mul(7_919 + at * 104) % 255) - 127.0)
        .collect()
}

pub(super) fn demonstration(id: u16, version: u16) -> Demonstration {
    Demonstration {
        id: format!("demo-{id}"),
        environment: if id.is_multiple_of(4) { "web" } else { "shell" }.into(),
        campaign: "c".into(),
        document: format!("doc-{}", id % 10),
        task: format!("task-{id}"),
        episode: format!("ep-{}", id % 9),
        kind: "new-task".into(),
        replay: "verified".into(),
        models: vec!["a".into(), "b".into()],
        instruction: format!("create the file{} in folder{version}", id % 7),
        actions: vec![format!("touch file{id}")],
        observations: vec![format!("folder{} is empty", id % 5), format!("file{id}")],
        summaries: vec![format!("file{id} is there")],
        utility: f64::from(id % 5) / 4.0,
        // Of the whole alone, or of every piece of a window.
        tokens: if id.is_multiple_of(3) {
            vec![100]
        } else {
            vec![100, 10, 20, 30, 40]
        },
        vector: Some(vector(id * 31 + version)),
        payload: format!("{id}/{version}"),
        ..Demonstration::default()
    }
}

pub(super) fn fill(index: &DemonstrationIndex) -> Result<(), IndexError> {
    index.upsert((0..60).map(|id| demonstration(id, 0)).collect())?;
    index.settle()?;
    index.upsert((50..70).map(|id| demonstration(id, 1)).collect())?;
    index
        .remove(&["demo-3".into(), "demo-55".into()])
        .map(|_| ())
}

/// Asks an index whatever there is to ask; what it answers is its own affair.
pub(super) fn use_everything(index: &DemonstrationIndex) -> Result<(), IndexError> {
    index.stats()?;
    index.get(&["demo-1".into(), "demo-3".into(), "nobody".into()])?;
    for environment in ["shell", "web"] {
        for mode in [SearchMode::Auto, SearchMode::Exact, SearchMode::Graph] {
            index.search(&Query {
                environment: environment.into(),
                observation: Some("folder2 is empty".into()),
                query: Some("create the file3 in folder0".into()),
                vector: Some(vector(93)),
                observation_based: 4,
                model_based: 4,
                per_trajectory_max: 1,
                token_budget: 500,
                window: Some(Window {
                    before: 1,
                    after: 0,
                }),
                mode,
                ..Query::default()
            })?;
            let nearest = VectorQuery {
                vectors: vector(5),
                k: 20,
                expansion: None,
                filter: None,
                exclude: Exclusions::default(),
                mode,
            };
            index.search_vectors(environment, &nearest)?;
        }
    }
    Ok(())
}
