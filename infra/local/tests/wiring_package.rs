//! The functions of this workspace as packages.

use std::path::Path;
use std::sync::Mutex;

use local_platform::package::{Package, Profile, build};

/// What `CreateFunction` takes as a zip, in bytes.
const LARGEST_ZIP: usize = 50 * 1024 * 1024;

#[tokio::test]
async fn a_function_is_packed_small_enough_and_not_built_again() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let told = Mutex::new(Vec::new());
    let tell = |line: &str| told.lock().unwrap().push(line.to_owned());
    let first = build(&workspace, &["cost-check"], Profile::Dev, &tell).await.unwrap();
    assert!(first["cost-check"].zip.len() < LARGEST_ZIP);

    told.lock().unwrap().clear();
    let second = build(&workspace, &["cost-check"], Profile::Dev, &tell).await.unwrap();
    let told = told.into_inner().unwrap();
    assert!(!told.iter().any(|line| line.starts_with("Compiling")), "{told:?}");
    let sha = |package: &Package| package.code_sha256.clone();
    assert_eq!(sha(&first["cost-check"]), sha(&second["cost-check"]));
}
