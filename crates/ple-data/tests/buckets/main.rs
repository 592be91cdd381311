//! Shards in a bucket of a server that speaks S3: the same rows as from local files, also where connections break.
//!
//! `cargo xtask ci --only buckets` starts the server and says in the environment where it is.

#![allow(clippy::unwrap_used)]

mod proxy;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use ple_data::{
    Batch, BatchPlan, BatchPosition, Batches, DataError, FeatureKind, FeatureSchema, GeneratorConfig,
    LastBatch, ParquetShards, RowSource, Shuffle, SplitFiles, StreamConfig, Vocabulary, generate_rows,
    write_parquet,
};
use proxy::Proxy;

/// The server's address, and the one at which the library looks for it.
fn addresses() -> [String; 2] {
    ["PLE_S3_SERVER", "AWS_ENDPOINT"].map(|name| {
        let url = std::env::var(name)
            .unwrap_or_else(|_| panic!("{name} is not set; run cargo xtask ci --only buckets"));
        url.trim_start_matches("http://").to_owned()
    })
}

/// Puts an object, or makes a bucket.
fn put(server: &str, place: &str, bytes: &[u8]) {
    let mut connection = TcpStream::connect(server).unwrap();
    let length = bytes.len();
    // Who may write is not looked at, as long as somebody says who it is.
    let who =
        "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    let head = format!(
        "PUT /{place} HTTP/1.1\r\nHost: {server}\r\nAuthorization: {who}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(bytes).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{place}: {answer}");
}

fn shards(paths: &[impl AsRef<Path>], schema: &FeatureSchema) -> Result<ParquetShards, DataError> {
    ParquetShards::open(paths, schema, StreamConfig { window_bytes: 1, decoders: 2 })
}

/// All batches of two epochs.
fn batches(shards: ParquetShards) -> Result<Vec<Batch>, DataError> {
    let plan = BatchPlan { batch_size: 700, last_batch: LastBatch::Keep, shuffle: Shuffle::Seeded(5) };
    let mut batches = Batches::new(&RowSource::from(shards), plan, BatchPosition::default(), 2, 2);
    std::iter::from_fn(|| batches.next_batch(|_| ()).map(|batch| batch.cloned())).collect()
}

/// One test: the server, the proxy and what it breaks are there once.
#[test]
fn rows_in_a_bucket_are_those_of_local_files() {
    let [server, here] = addresses();
    let proxy = Proxy::start(&here, &server);
    let folder = tempfile::tempdir().unwrap();
    let config = GeneratorConfig { rows: 0, vocabulary: Vocabulary::Small, seed: 1 };
    let mut schema = generate_rows(&config, 0..1).table.schema().clone();
    put(&server, "rows", b"");
    for shard in 0..4 {
        let rows = shard * 5_000..(shard + 1) * 5_000;
        let path = folder.path().join(format!("part-{shard}.parquet"));
        write_parquet(&generate_rows(&config, rows).table, &path).unwrap();
        put(&server, &format!("rows/day=1/train/part-{shard}.parquet"), &std::fs::read(&path).unwrap());
    }
    let one_shard = std::fs::read(folder.path().join("part-0.parquet")).unwrap();
    for name in ["day=1/val/part-0.parquet", "day=1/test/part-0.parquet"] {
        put(&server, &format!("rows/{name}"), &one_shard);
    }
    for name in
        ["train/_SUCCESS", "train/.part-0.parquet", "train/_temporary/a.parquet", "trainings/x.parquet"]
    {
        put(&server, &format!("rows/day=1/{name}"), b"not a table");
    }

    // A folder, a pattern and a file.
    let local = shards(&[folder.path()], &schema).unwrap();
    let remote = shards(&["s3://rows/day=1/train"], &schema).unwrap();
    let names: Vec<PathBuf> =
        (0..4).map(|n| format!("s3://rows/day=1/train/part-{n}.parquet").into()).collect();
    assert_eq!(remote.files(), names);
    assert_eq!((remote.rows(), remote.task_counts()), (20_000, local.task_counts()));
    // Files in buckets are known by their footers, as local files were before.
    assert_eq!(Some(remote.fingerprint()), RowSource::from(local.clone()).earlier_fingerprint());
    let some =
        shards(&["s3://rows/*/train/part-[02].parquet", "s3://rows/day=1/train/part-3.parquet"], &schema);
    assert_eq!(some.unwrap().files(), [&names[0], &names[2], &names[3]]);
    let split = SplitFiles::find(Path::new("s3://rows/day=1")).unwrap();
    assert_eq!((split.train.as_slice(), split.validation.len(), split.test.len()), (&names[..], 1, 1));

    // The same batches, whatever breaks on the way.
    let expected = batches(local).unwrap();
    assert!(batches(remote.clone()).unwrap() == expected);
    assert_eq!(proxy.broken.load(Ordering::SeqCst), 0);
    proxy.refused.store(3, Ordering::SeqCst);
    assert!(shards(&["s3://rows/day=1/train"], &schema).unwrap().rows() == 20_000);
    for after in [0, 700, 20_000, 150_000] {
        proxy.after.store(after, Ordering::SeqCst);
        proxy.cut.store(2, Ordering::SeqCst);
        // A new one has no connections, so those that it makes are cut.
        let remote = shards(&["s3://rows/day=1/train"], &schema).unwrap();
        assert!(batches(remote).unwrap() == expected, "connections are cut after {after} bytes");
        proxy.cut.store(0, Ordering::SeqCst);
    }
    assert!(proxy.broken.load(Ordering::SeqCst) > 3, "no connection was cut");

    // Only footers and the columns that are needed are read.
    schema.features.retain(|feature| matches!(feature.kind, FeatureKind::Dense { .. }));
    schema.features.truncate(1);
    let before = proxy.answered.load(Ordering::SeqCst);
    let narrow = shards(&["s3://rows/day=1/train/part-1.parquet"], &schema).unwrap();
    let windows: Result<Vec<_>, _> = RowSource::from(narrow).windows().collect();
    assert_eq!(windows.unwrap()[0].rows(), 5_000);
    let read = proxy.answered.load(Ordering::SeqCst) - before;
    assert!(read < one_shard.len() as u64, "{read} bytes of a file of {}", one_shard.len());

    // What is wrong is said.
    let error = |path: &str| shards(&[path], &schema).unwrap_err().to_string();
    assert!(error("s3://rows/day=2").starts_with("s3://rows/day=2: there is no such file"));
    assert!(error("s3://rows/day=1/train/part-9.parquet").contains("part-9.parquet: there is no such file"));
    assert!(error("s3://rows/day=1/train/a.csv").contains("only Parquet files can be streamed"));
    put(&server, "rows/bad/a.parquet", &one_shard[..one_shard.len() - 100]);
    assert!(error("s3://rows/bad").contains("s3://rows/bad/a.parquet: the file is damaged or cut short"));
    put(&server, "rows/day=1/train/part-2.parquet", &one_shard);
    let error = batches(remote).unwrap_err().to_string();
    assert!(error.contains("part-2.parquet: the file has changed since it was opened"), "{error}");
}
