use super::*;

fn task_of(sizes: &[usize], is_declared_single: bool) -> Option<&'static str> {
    Task::of_output(&OutputShape { sizes, is_declared_single }).map(|task| task.name)
}

#[test]
fn the_shape_of_the_output_decides_the_task() {
    assert_eq!(task_of(&[8, 10], false), Some("classification"));
    assert_eq!(task_of(&[8, 10, 1, 1], true), Some("classification"));
    assert_eq!(task_of(&[8, 10, 1, 1], false), Some("segmentation"));
    assert_eq!(task_of(&[8, 10, 4, 6], false), Some("segmentation"));
    assert_eq!(task_of(&[8, 10, 6], false), None);
    assert_eq!(task_of(&[8], false), None);
}

#[test]
fn a_chosen_task_accepts_its_shapes_only() {
    assert!(CLASSIFICATION.accepts(&[8, 10]) && CLASSIFICATION.accepts(&[8, 10, 1, 1]));
    assert!(!CLASSIFICATION.accepts(&[8, 10, 4, 6]));
    assert!(SEGMENTATION.accepts(&[8, 10, 1, 1]) && !SEGMENTATION.accepts(&[8, 10]));
}

#[test]
fn tasks_are_found_by_their_names() {
    for task in TASKS {
        assert_eq!(task.name.parse(), Ok(task));
        assert_eq!(task.to_string(), task.name);
        assert_eq!(task.default_maps.is_empty(), !task.has_maps());
    }
    let error = "depth".parse::<&'static Task>().unwrap_err();
    assert_eq!(error, "\"depth\" is not one of classification, segmentation");
}

#[test]
fn columns_of_a_measure_follow_the_item() {
    let columns = |task: &Task| task.measure_columns(task.overview).collect::<Vec<_>>();
    assert_eq!(columns(&CLASSIFICATION), ["predictive_entropy"]);
    let of_maps =
        ["predictive_entropy", "predictive_entropy_patch_max", "predictive_entropy_q95"];
    assert_eq!(columns(&SEGMENTATION), of_maps);
}
