//! libFuzzer's way into the target `answers`.
#![no_main]

use gateway_fuzz::answers::run;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    run(bytes);
});
