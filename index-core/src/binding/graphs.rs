//! Graphs that follow the log, as they come over the border.

use napi_derive::napi;

use super::answers::number;
use crate::{GraphNews, IndexError, ShownGraph};

/// A range of the log that should have another graph (`begunAt` null), or a graph that is built.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct NativeGraphNews {
    pub environment: String,
    pub from: u32,
    pub to: u32,
    pub has_graph: bool,
    pub begun_at: Option<f64>,
    pub fingerprint: String,
}

#[napi(object, object_to_js = false)]
pub struct NativeGraphOrder {
    pub environment: String,
    pub from: u32,
    pub to: u32,
    pub has_graph: bool,
    pub after: f64,
}

impl From<(String, GraphNews)> for NativeGraphNews {
    fn from((environment, news): (String, GraphNews)) -> Self {
        match news {
            GraphNews::Due {
                bounds: (from, to),
                has_graph,
            } => Self {
                environment,
                from,
                to,
                has_graph,
                begun_at: None,
                fingerprint: String::new(),
            },
            GraphNews::Built {
                at,
                bounds: (from, to),
                fingerprint,
            } => Self {
                environment,
                from,
                to,
                has_graph: true,
                begun_at: Some(number(at)),
                fingerprint: fingerprint_text(fingerprint),
            },
        }
    }
}

/// As 16 hexadecimal digits: JavaScript's numbers have not enough bits.
fn fingerprint_text(fingerprint: u64) -> String {
    format!("{fingerprint:016x}")
}

pub(super) fn fingerprint_of(text: &str) -> Result<u64, IndexError> {
    u64::from_str_radix(text, 16)
        .map_err(|_| IndexError::invalid(format!("{text:?} is no fingerprint of a graph")))
}

pub(super) fn shown_text(shown: ShownGraph) -> &'static str {
    match shown {
        ShownGraph::Unknown => "absent",
        ShownGraph::Awaited => "awaited",
        ShownGraph::Searched => "searched",
    }
}
