//! `tieout explain`: everything known about one number, as people and programs get it.

use crate::support::{Workspace, output, project, run_job, stderr, stdout, updating};

/// The sample's three days, run.
fn three_days() -> Workspace {
    let workspace = Workspace::of_project();
    for date in ["2026-11-20", "2026-11-21", "2026-11-22"] {
        run_job(&workspace.job("shop"), date);
    }
    workspace
}

fn explain(workspace: &Workspace, date: &str, key: &str, more: &[&str]) -> std::process::Output {
    let job = workspace.job("shop");
    let arguments = [&["explain", job.to_str().unwrap(), "--date", date, key], more].concat();
    output(&arguments)
}

#[test]
fn pages_come_out_as_told() {
    let workspace = three_days();
    for (name, date, key) in [
        ("missing", "2026-11-20", "SR20261120A00076"),
        ("closed", "2026-11-21", "SR20261120A00076"),
        ("paid_twice", "2026-11-22", "SR20261120W00036"),
        ("refund", "2026-11-22", "RF20261122W00027"),
        ("matched", "2026-11-20", "SR20261120A00001"),
        ("provider_number", "2026-11-20", "2026112022001458860500000084"),
    ] {
        let page = explain(&workspace, date, key, &[]);
        assert_eq!(page.status.code(), Some(0), "{}", stderr(&page));
        let path = project(&format!("tests/cli/explain_{name}.page"));
        if updating() {
            std::fs::write(&path, stdout(&page)).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), stdout(&page), "{name}");
    }
}

#[test]
fn a_difference_and_an_item_are_known_by_their_ids() {
    let workspace = three_days();
    let line = stdout(&explain(&workspace, "2026-11-20", "SR20261120A00076", &["--json"]));
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(told["schema"], "tieout.explain/1");
    let difference =
        told["differences"][0]["id"].as_str().or(told["differences"][0]["difference_id"].as_str()).unwrap();
    let item = told["worklist"][1]["item_id"].as_str().unwrap();
    for key in [difference, item] {
        let page = stdout(&explain(&workspace, "2026-11-20", key, &[]));
        assert!(page.contains("MISSING_IN_LEDGER") && page.contains("乌龙茶礼盒"), "{key}\n{page}");
    }
}

#[test]
fn what_is_not_known_and_what_has_changed_is_said() {
    let workspace = three_days();
    let unknown = explain(&workspace, "2026-11-21", "SR20261120A00001", &[]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("it occurs on 2026-11-20"), "{}", stderr(&unknown));
    let bill = workspace.path("sample_data/2026-11-20/1609845123All2026-11-20.csv");
    let mut text = std::fs::read(&bill).unwrap();
    text.extend(b"\n");
    std::fs::write(&bill, text).unwrap();
    let page = stdout(&explain(&workspace, "2026-11-20", "SR20261120W00086", &[]));
    assert!(page.contains("DISCOUNT_ATTRIBUTION"), "{page}");
    assert!(page.contains("changed") || page.contains("no longer"), "{page}");
}
