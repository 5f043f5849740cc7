//! Requirements: 4.4.model2vec

use std::collections::HashMap;
use std::path::PathBuf;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::*;

/// A model of five tokens and two dimensions in a folder of its own.
struct Folder(PathBuf);

const TOKENIZER: &str = r###"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
    "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
    "vocab": {"[UNK]": 0, "git": 1, "tag": 2, "##s": 3, "log": 4}}}"###;
const CONFIG: &str = r#"{"model_type": "model2vec", "hidden_dim": 2, "normalize": true}"#;
const VECTORS: [f32; 10] = [9.0, 9.0, 1.0, 0.0, 0.0, 1.0, 0.0, 3.0, -1.0, 0.0];

fn bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn tensors(named: &[(&str, Dtype, &[usize], Vec<u8>)]) -> Vec<u8> {
    let views: HashMap<&str, TensorView<'_>> = named
        .iter()
        .map(|(name, kind, shape, data)| {
            let view = TensorView::new(*kind, shape.to_vec(), data).unwrap();
            (*name, view)
        })
        .collect();
    safetensors::serialize(views, None).unwrap()
}

fn plain() -> Vec<u8> {
    tensors(&[("embeddings", Dtype::F32, &[5, 2], bytes(&VECTORS))])
}

impl Folder {
    fn new(name: &str, model: &[u8]) -> Self {
        let folder = std::env::temp_dir().join(format!("hindcast-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(MODEL_FILE), model).unwrap();
        std::fs::write(folder.join(TOKENIZER_FILE), TOKENIZER).unwrap();
        std::fs::write(folder.join(CONFIG_FILE), CONFIG).unwrap();
        Self(folder)
    }

    fn open(&self) -> Result<Model2Vec, IndexError> {
        Model2Vec::open(&self.0)
    }

    fn refusal(&self) -> String {
        self.open().err().map(|error| error.to_string()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn assert_near(found: Option<Vec<f32>>, expected: [f64; 2]) {
    let norm = expected[0].hypot(expected[1]);
    let found = found.unwrap();
    assert_eq!(found.len(), 2);
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (f64::from(*found) - expected / norm).abs() < 1e-6,
            "{found}"
        );
    }
}

#[test]
fn a_text_is_the_mean_of_its_known_tokens() {
    let folder = Folder::new("mean", &plain());
    let model = folder.open().unwrap();
    assert_eq!(model.dimensions(), 2);
    assert!(model.name().starts_with("model2vec/") && model.name().len() == 26);
    assert_near(model.embed("GIT tag").unwrap(), [1.0, 1.0]);
    assert_near(model.embed("git tags unheard").unwrap(), [1.0, 4.0]);
    for nothing in ["", "unheard of", "git log"] {
        assert_eq!(model.embed(nothing).unwrap(), None, "{nothing:?}");
    }
}

#[test]
fn only_the_first_tokens_of_a_text_count() {
    let folder = Folder::new("cut", &plain());
    let model = folder.open().unwrap();
    let text = "tag ".repeat(TOKENS_MAX / 2) + &"git ".repeat(10 * TOKENS_MAX);
    // The median token has three characters, so the text is cut before the tokens are.
    let letters = 3 * TOKENS_MAX - 4 * (TOKENS_MAX / 2);
    let tags = f64::from(u32::try_from(TOKENS_MAX / 2).unwrap());
    let gits = f64::from(u32::try_from(letters / 4).unwrap());
    assert_near(model.embed(&text).unwrap(), [gits, tags]);
}

#[test]
fn weights_mapping_and_smaller_numbers_are_understood() {
    let mapping: Vec<u8> = [0_i64, 1, 2, 2, 1]
        .iter()
        .flat_map(|row| row.to_le_bytes())
        .collect();
    // Rows [0, 0], [1, 0], [0, 1] in binary16 and bfloat16.
    for (kind, one) in [(Dtype::F16, 0x3c00_u16), (Dtype::BF16, 0x3f80)] {
        let rows: Vec<u8> = [0, 0, one, 0, 0, one]
            .iter()
            .flat_map(|bits| bits.to_le_bytes())
            .collect();
        let model = tensors(&[
            ("embeddings", kind, &[3, 2], rows),
            (
                "weights",
                Dtype::F32,
                &[5],
                bytes(&[1.0, 2.0, 0.5, 1.0, 1.0]),
            ),
            ("mapping", Dtype::I64, &[5], mapping.clone()),
        ]);
        let folder = Folder::new(&format!("{kind:?}"), &model);
        assert_near(
            folder.open().unwrap().embed("git tag tags log").unwrap(),
            [3.0, 2.0],
        );
    }
}

#[test]
fn what_is_wrong_is_named_with_its_file() {
    let small = tensors(&[("embeddings", Dtype::F32, &[2, 2], bytes(&VECTORS[..4]))]);
    let flat = tensors(&[("embeddings", Dtype::F32, &[10], bytes(&VECTORS))]);
    let other = tensors(&[("vectors", Dtype::F32, &[5, 2], bytes(&VECTORS))]);
    let infinite = tensors(&[("embeddings", Dtype::F32, &[1, 2], bytes(&[f32::NAN, 0.0]))]);
    for (name, model, parts) in [
        ("small", small.as_slice(), [TOKENIZER_FILE, "has no vector"]),
        ("flat", &flat, [MODEL_FILE, "1 axes"]),
        ("other", &other, [MODEL_FILE, "no tensor named embeddings"]),
        ("infinite", &infinite, [MODEL_FILE, "not finite"]),
        ("noise", b"not a model", [MODEL_FILE, "eader"]),
    ] {
        let refusal = Folder::new(name, model).refusal();
        assert!(parts.iter().all(|part| refusal.contains(part)), "{refusal}");
    }
    for (file, content, reason) in [
        (CONFIG_FILE, r#"{"hidden_dim": 3}"#, "hidden_dim is 3"),
        (CONFIG_FILE, r#"{"normalize": 1}"#, "normalize is 1"),
        (TOKENIZER_FILE, "{", "EOF"),
    ] {
        let folder = Folder::new("file", &plain());
        std::fs::write(folder.0.join(file), content).unwrap();
        let refusal = folder.refusal();
        assert!(
            refusal.contains(file) && refusal.contains(reason),
            "{refusal}"
        );
        std::fs::remove_file(folder.0.join(file)).unwrap();
        assert!(folder.refusal().contains(file));
    }
}
