use super::*;

fn task_of(sizes: &[usize], is_declared_single: bool) -> Option<&'static str> {
    let family = Family::Classes;
    let shape = OutputShape { sizes, is_declared_single, family, has_logit_noise: false };
    Task::of_output(&shape).map(|task| task.name)
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
    let accepts = |task: &Task, sizes: &[usize]| task.accepting(sizes, false).is_some();
    assert!(accepts(&CLASSIFICATION, &[8, 10]));
    assert!(accepts(&CLASSIFICATION, &[8, 10, 1, 1]));
    assert!(!accepts(&CLASSIFICATION, &[8, 10, 4, 6]));
    assert!(accepts(&SEGMENTATION, &[8, 10, 1, 1]) && !accepts(&SEGMENTATION, &[8, 10]));
    for task in [&IMAGE_REGRESSION, &PIXEL_REGRESSION] {
        assert_eq!(task.accepting(&[8, 1], false), Some(&IMAGE_REGRESSION));
        assert_eq!(task.accepting(&[8, 1, 4, 6], false), Some(&PIXEL_REGRESSION));
    }
    for task in [&CLASSIFICATION, &NOISY_CLASSIFICATION] {
        let has_measure = |has_logit_noise: bool| {
            let task = task.accepting(&[8, 10], has_logit_noise).unwrap();
            assert_eq!(task.has_logit_noise(), has_logit_noise);
            task.measure("logit_noise_information").is_some()
        };
        assert!(has_measure(true) && !has_measure(false));
    }
}

#[test]
fn tasks_are_found_by_their_names() {
    for task in TASKS {
        let parsed: &Task = task.name.parse().unwrap();
        assert_eq!(parsed.name, task.name);
        assert_eq!(task.to_string(), task.name);
        assert!(!task.main_measures.is_empty());
    }
    let error = "depth".parse::<&'static Task>().unwrap_err();
    let names = "classification, segmentation, multilabel, regression";
    assert_eq!(error, format!("\"depth\" is not one of {names}"));
}

#[test]
fn columns_of_a_measure_follow_the_item() {
    let columns = |task: &Task| -> Vec<String> {
        let columns = Quantity::of_classes(task.overview).columns(task);
        columns.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(columns(&CLASSIFICATION), ["predictive_entropy"]);
    let of_maps =
        ["predictive_entropy", "predictive_entropy_patch_max", "predictive_entropy_q95"];
    assert_eq!(columns(&SEGMENTATION), of_maps);
}

#[test]
fn columns_of_several_targets_start_with_their_names() {
    let target = |names: &[&str]| TargetSettings {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..TargetSettings::default()
    };
    let names = |task: &ModelTask| -> Vec<String> {
        let of_prediction = task.prediction_columns().into_iter().map(|(name, _)| name);
        let quantities = task.quantities(&[task.task.overview]);
        of_prediction.chain(quantities.into_iter().map(|one| one.name)).collect()
    };
    let one = ModelTask::new(&PIXEL_REGRESSION, 1, &[], &target(&["depth"]));
    assert_eq!(names(&one), ["deterministic_value", "deterministic_std", "total_std"]);
    let two = ModelTask::new(&PIXEL_REGRESSION, 2, &[], &target(&["depth"]));
    assert_eq!(
        names(&two),
        [
            "depth.deterministic_value",
            "depth.deterministic_std",
            "1.deterministic_value",
            "1.deterministic_std",
            "depth.total_std",
            "1.total_std",
        ]
    );
    let labels = ["fog".to_owned(), "rain".to_owned()];
    let labels = ModelTask::new(&IMAGE_LABELS, 2, &labels, &TargetSettings::default());
    assert_eq!(
        names(&labels),
        [
            "labels",
            "fog.deterministic_probability",
            "rain.deterministic_probability",
            "predictive_entropy",
            "fog.predictive_entropy",
            "rain.predictive_entropy",
        ]
    );
}

#[test]
fn every_column_of_a_task_is_read_back_as_the_kind_that_it_was_written_as() {
    for task in TASKS {
        let model = ModelTask::new(task, 2, &[], &TargetSettings::default());
        let columns = model.prediction_columns();
        let names = columns.iter().map(|(name, _)| name.as_str());
        let mut sorted: Vec<&str> = names.collect();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), columns.len(), "{task}");
    }
}

#[test]
fn names_of_labels_never_name_other_folders_or_each_other() {
    let names = ["effusion/mass", "../..", "fog", "fog", " ", "a\\b:c"];
    let names = names.map(str::to_owned);
    let task = ModelTask::new(&IMAGE_LABELS, 7, &names, &TargetSettings::default());
    let expected = ["effusion_mass", "_..", "fog", "fog_3", "4", "a_b_c", "6"];
    assert_eq!(task.channels, expected);
}
