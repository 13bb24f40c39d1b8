use super::*;

#[test]
fn functions_that_call_themselves_are_refused() {
    let f = |name: &str, callee: &str| {
        function(
            name,
            &["x"],
            &["y"],
            vec![node("Mul", &["x", "x"], &["z"]), call(callee, "", &["z"], &["y"])],
        )
    };
    let of = |functions: Vec<Function>| {
        model(vec![call("A", "call", &["image"], &["y"])], &["y"], functions)
    };
    let text = refused(of(vec![f("A", "A")]));
    assert!(text.contains("\"own::A\": it calls itself"), "{text}");
    let text = refused(of(vec![f("A", "B"), f("B", "C"), f("C", "B")]));
    assert!(text.contains("\"own::B\"") || text.contains("\"own::C\""), "{text}");
    // Nobody gets there.
    assert!(inlined(of(vec![f("A", "gone"), f("B", "B")])).is_ok());
    // One body calls it in a circle.
    let circle = with(
        node("If", &["x"], &["y"]),
        body("then_branch", vec![call("A", "", &["x"], &["z"])], &["z"]),
    );
    refused(of(vec![function("A", &["x"], &["y"], vec![circle])]));
}

#[test]
fn functions_that_double_at_every_level_are_refused_soon() {
    let twice = |i: usize| {
        let callee = format!("F{}", i + 1);
        let calls =
            vec![call(&callee, "a", &["x"], &["z"]), call(&callee, "b", &["z"], &["y"])];
        function(&format!("F{i}"), &["x"], &["y"], calls)
    };
    let mut functions: Vec<Function> = (0..40).map(twice).collect();
    functions.push(function(
        "F40",
        &["x"],
        &["y"],
        vec![node("Mul", &["x", "x"], &["y"])],
    ));
    let of = |functions| {
        model(vec![call("F0", "call", &["image"], &["y"])], &["y"], functions)
    };
    let text = refused(of(functions.clone()));
    assert!(text.contains("1000000 nodes"), "{text}");
    // Few nodes, but each with a long text.
    for function in &mut functions {
        function.doc_string = Some("long".repeat(1 << 16));
    }
    let text = refused(of(functions));
    assert!(text.contains("MiB"), "{text}");
}

#[test]
fn calls_and_bodies_that_nest_too_deep_are_refused() {
    let once = |i: usize| {
        let calls = vec![call(&format!("F{}", i + 1), "a", &["x"], &["y"])];
        function(&format!("F{i}"), &["x"], &["y"], calls)
    };
    let in_body = |i: usize| {
        let inner = call(&format!("F{}", i + 1), "a", &["x"], &["z"]);
        let branch =
            with(node("If", &["x"], &["y"]), body("then_branch", vec![inner], &["z"]));
        function(&format!("F{i}"), &["x"], &["y"], vec![branch])
    };
    let of = |make: &dyn Fn(usize) -> Function, depth: usize| {
        let mut functions: Vec<Function> = (0..depth).map(make).collect();
        let last = vec![node("Mul", &["x", "x"], &["y"])];
        functions.push(function(&format!("F{depth}"), &["x"], &["y"], last));
        model(vec![call("F0", "call", &["image"], &["y"])], &["y"], functions)
    };
    assert!(inlined(of(&once, 100)).is_ok());
    assert!(refused(of(&once, 100_000)).contains("calls of functions nest deeper"));
    assert!(inlined(of(&in_body, 20)).is_ok());
    assert!(refused(of(&in_body, 100)).contains("subgraphs nest deeper"));
    // Each level wraps the graph that it is given into one more.
    let wrap = |i: usize| {
        let given = Attribute { r#type: Some(5), ..reference("then_branch", "g") };
        let branch = with(node("If", &["x"], &["w"]), given);
        let passed = with(
            call(&format!("F{}", i + 1), "a", &["x"], &["y"]),
            body("g", vec![branch], &["w"]),
        );
        function(&format!("F{i}"), &["x"], &["y"], vec![passed])
    };
    assert!(refused(of(&wrap, 120)).contains("subgraphs nest deeper"));
}

#[test]
fn calls_that_do_not_fit_their_function_are_refused() {
    let mul = || function("F", &["x"], &["y"], vec![node("Mul", &["x", "x"], &["y"])]);
    let of = |call| model(vec![call], &["y"], vec![mul()]);
    let text = refused(of(call("F", "c", &["image", "image"], &["y"])));
    assert!(
        text.contains("\"c\"") && text.contains("2 inputs") && text.contains("calls 1")
    );
    let text = refused(of(call("F", "c", &["image"], &["y", "z"])));
    assert!(text.contains("2 outputs"), "{text}");
    let writes = function("F", &["x"], &["y"], vec![node("Mul", &["x", "x"], &["x"])]);
    assert!(refused(one_call(writes)).contains("writes its own input"));
    // The overload is part of the name.
    let other =
        Node { overload: Some("f16".to_owned()), ..call("F", "c", &["image"], &["y"]) };
    let same = inlined(of(other)).unwrap();
    assert_eq!(same.graph.node[0].op(), "F");
}
