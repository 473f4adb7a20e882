# glmv_library(name [TORCH] [OWN_TEST_PCH] [DEPS folder...] [PRIVATE_DEPS folder...] [LIBS target...])
#   Library glmv_<name> of every .cc here, program glmv_<name>_test of every _test.cc (globbed, so
#   that no test can be forgotten), one program per _fuzz.cc with GLMV_FUZZ.
#   TORCH: shares the precompiled header of glmv_tensor, others that of glmv_base.
#   OWN_TEST_PCH: the tests have a test_pch.h in their folder; others share that of base.
#   Folders of GLMV_LIGHT wait rather than compute, and building tests costs more than running them:
#   both are compiled with -O1, which takes a third off.

add_library(glmv_flags INTERFACE)
target_include_directories(glmv_flags INTERFACE ${PROJECT_SOURCE_DIR})
# g++ 12 reports std::expected values that were checked as maybe uninitialised, and string
# concatenation as overlapping copies.
target_compile_options(glmv_flags INTERFACE -march=x86-64-v2 -Wall -Wextra
  -Wno-missing-field-initializers $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> -Werror=invalid-pch -Werror=return-type)
target_link_libraries(glmv_flags INTERFACE Threads::Threads fmt::fmt spdlog::spdlog
  nlohmann_json::nlohmann_json)
# g++ collects its garbage as soon as a precompiled header is read: a tenth of the time, for nothing.
target_compile_options(glmv_flags INTERFACE
  "$<$<CXX_COMPILER_ID:GNU>:SHELL:--param ggc-min-heapsize=1000000>")
if(GLMV_SANITIZE)
  target_compile_options(glmv_flags INTERFACE -fsanitize=${GLMV_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(glmv_flags INTERFACE -fsanitize=${GLMV_SANITIZE})
endif()
if(GLMV_FUZZ)
  target_compile_options(glmv_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined -g)
  target_link_options(glmv_flags INTERFACE -fsanitize=address,undefined)
endif()

set(CMAKE_BUILD_RPATH ${GLMV_TORCH_RPATH})

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Paths relative to the checkout, so that another clone finds the same objects.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    ${CCACHE_PROGRAM})
endif()

# The precompiled header `header` is built with `owner` and reused by all other targets that ask for it.
function(glmv_precompiled target owner header)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  endif()
  if(target STREQUAL owner)
    target_precompile_headers(${target} PRIVATE ${PROJECT_SOURCE_DIR}/${header})
  else()
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()

function(glmv_use_torch target)
  target_link_libraries(${target} PRIVATE glmv_libtorch)
  glmv_precompiled(${target} glmv_tensor glmv/tensor/pch.h)
endfunction()

function(glmv_optimise_lightly target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

if(GLMV_TESTS)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/test_pch.cc CONTENT "// Carries test_pch.h.\n")
  add_library(glmv_test_pch OBJECT ${PROJECT_BINARY_DIR}/test_pch.cc)
  target_link_libraries(glmv_test_pch PRIVATE glmv_flags GTest::gmock)
  glmv_optimise_lightly(glmv_test_pch)
  glmv_precompiled(glmv_test_pch glmv_test_pch glmv/base/test_pch.h)
endif()

set(GLMV_LIGHT net store hub api chat terminal grounding server)

function(glmv_library name)
  cmake_parse_arguments(A "TORCH;OWN_TEST_PCH" "" "DEPS;PRIVATE_DEPS;LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz|bench)\\.cc$")
  list(TRANSFORM A_DEPS PREPEND glmv_)
  list(TRANSFORM A_PRIVATE_DEPS PREPEND glmv_)

  if(NOT sources)  # headers only
    add_library(glmv_${name} INTERFACE)
    target_link_libraries(glmv_${name} INTERFACE glmv_flags ${A_DEPS} ${A_LIBS})
    return()
  endif()
  add_library(glmv_${name} STATIC ${sources})
  target_link_libraries(glmv_${name} PUBLIC glmv_flags ${A_DEPS} ${A_LIBS} PRIVATE ${A_PRIVATE_DEPS})
  if(name IN_LIST GLMV_LIGHT)
    glmv_optimise_lightly(glmv_${name})
  endif()
  if(A_TORCH)
    glmv_use_torch(glmv_${name})
  else()
    glmv_precompiled(glmv_${name} glmv_base glmv/base/pch.h)
  endif()

  if(GLMV_TESTS AND tests)
    add_executable(glmv_${name}_test ${tests})
    target_link_libraries(glmv_${name}_test PRIVATE glmv_${name} ${A_PRIVATE_DEPS} GTest::gtest_main GTest::gmock)
    target_compile_definitions(glmv_${name}_test PRIVATE GLMV_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    glmv_optimise_lightly(glmv_${name}_test)
    if(A_TORCH)
      glmv_use_torch(glmv_${name}_test)
    elseif(A_OWN_TEST_PCH)
      glmv_precompiled(glmv_${name}_test glmv_${name}_test glmv/${name}/test_pch.h)
    else()
      glmv_precompiled(glmv_${name}_test glmv_test_pch glmv/base/test_pch.h)
    endif()
    gtest_discover_tests(glmv_${name}_test DISCOVERY_MODE PRE_TEST TEST_PREFIX "${name}."
      PROPERTIES LABELS "unit;all" TIMEOUT 300 ENVIRONMENT GLMV_LANG=en)
  endif()

  if(GLMV_FUZZ)
    foreach(source ${fuzzers})
      get_filename_component(fuzzer ${source} NAME_WE)
      add_executable(${fuzzer} ${source})
      target_link_libraries(${fuzzer} PRIVATE glmv_${name})
      target_link_options(${fuzzer} PRIVATE -fsanitize=fuzzer,address,undefined)
      target_compile_definitions(${fuzzer} PRIVATE GLMV_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    endforeach()
  endif()
endfunction()
