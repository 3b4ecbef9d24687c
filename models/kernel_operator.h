// A measured kernel's shape as the operator that a model of that shape would list.
//
// Law: FLOPs and bytes are those of models/operators.cpp for the same shape, so that a measured row
// and a planned operator are priced by one formula.
// Cost: a few multiplications.
// Not here: times.
#pragma once

#include <optional>
#include <string>

#include "models/operators.h"
#include "profiles/store.h"

namespace headroom {

/// Nothing for kernels that no operator stands for: batches of several prompts, modules of several
/// kernels, formats without a name here.
[[nodiscard]] std::optional<Operator> operator_of(const KernelShape& shape);

/// The data type of a format's name; nothing where it has none.
[[nodiscard]] std::optional<DataType> data_type_of(const std::string& name);

}  // namespace headroom
