//! The cut of models with several heads.

use prost::Message as _;

use super::*;

const EXPORTERS: [&str; 2] = ["dynamo", "legacy-17"];

fn plan(export: &str, outputs: &[&str]) -> Result<Plan> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/exports")
        .join(format!("{export}.onnx"));
    let options = SiteOptions::default();
    let outputs = outputs.iter().map(|name| (*name).to_owned()).collect();
    let heads = HeadOptions { outputs, ..HeadOptions::default() };
    Plan::with_sites(Model::open(&path)?, &heads, &options)
}

/// Names of the outputs of the suffix.
fn outputs_of_suffix(plan: &Plan, kind: SuffixKind) -> Vec<String> {
    let inputs: Vec<TypedTensor> = plan
        .cuts()
        .iter()
        .chain(plan.shapes())
        .map(|name| TypedTensor {
            name: name.clone(),
            element_type: ElementType::F32,
            dimensions: vec![None; 4],
        })
        .collect();
    let suffix = plan.suffix(&inputs, kind);
    let model = proto::Model::decode(bytes::Bytes::from(suffix)).unwrap();
    let outputs = model.graph.unwrap_or_default().output;
    outputs.into_iter().map(|output| output.name.unwrap_or_default()).collect()
}

#[test]
fn suffix_of_two_heads_writes_them_in_order_before_the_outputs_of_the_probe() {
    for exporter in EXPORTERS {
        for outputs in [["logits", "aux"], ["aux", "logits"]] {
            for export in ["two-heads", "three-outputs"] {
                let plan = plan(&format!("{export}-{exporter}"), &outputs).unwrap();
                let heads: Vec<&str> =
                    plan.heads().iter().map(|head| head.output.as_str()).collect();
                assert_eq!(heads, outputs, "{export}, {exporter}");
                let off = outputs_of_suffix(&plan, SuffixKind::Off);
                assert_eq!(off, outputs, "{export}, {exporter}");
                let probe = outputs_of_suffix(&plan, SuffixKind::Probe);
                assert_eq!(probe[..2], outputs, "{export}, {exporter}");
                assert_eq!(probe.len(), 2 + plan.probed().len(), "{export}, {exporter}");
            }
        }
    }
}

#[test]
fn cut_reaches_the_sites_of_every_head() {
    for exporter in EXPORTERS {
        let name = format!("three-outputs-{exporter}");
        let both = plan(&name, &["logits", "aux"]).unwrap();
        let logits = plan(&name, &["logits"]).unwrap();
        let aux = plan(&name, &["aux"]).unwrap();
        assert_eq!((logits.sites().len(), aux.sites().len()), (1, 1), "{exporter}");
        assert_eq!(both.sites(), [logits.sites(), aux.sites()].concat(), "{exporter}");
        let nodes: BTreeSet<usize> = both.suffix_nodes().collect();
        for one in [&logits, &aux] {
            let writer = one.heads().first().tensor.as_str();
            let reach = Reach::new(&both.model.graph);
            let node = reach.index.producer_index(writer).unwrap();
            assert!(nodes.contains(&node), "{exporter}: {writer}");
        }
    }
}

#[test]
fn deterministic_head_is_an_error_that_names_it() {
    for exporter in EXPORTERS {
        for outputs in [["logits", "features"], ["features", "aux"]] {
            let error = plan(&format!("three-outputs-{exporter}"), &outputs).unwrap_err();
            let message = error.to_string();
            assert!(message.contains("\"features\""), "{exporter}: {message}");
            assert!(error.hint().is_some(), "{exporter}: {message}");
        }
    }
}
