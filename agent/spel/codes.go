package spel

// Code names a failure as Spring's SpelMessage does
// (spring-projects/spring-framework spring-expression SpelMessage.java); error
// texts carry its number as "EL1008E".
type Code string

// The codes that expressions can fail with.
const (
	codeTypeConversionError           Code = "TYPE_CONVERSION_ERROR"
	codeConstructorNotFound           Code = "CONSTRUCTOR_NOT_FOUND"
	codeConstructorInvocationProblem  Code = "CONSTRUCTOR_INVOCATION_PROBLEM"
	codeMethodNotFound                Code = "METHOD_NOT_FOUND"
	codeTypeNotFound                  Code = "TYPE_NOT_FOUND"
	codeFunctionNotDefined            Code = "FUNCTION_NOT_DEFINED"
	codePropertyNotReadableOnNull     Code = "PROPERTY_OR_FIELD_NOT_READABLE_ON_NULL"
	codeMethodCallOnNull              Code = "METHOD_CALL_ON_NULL_OBJECT_NOT_ALLOWED"
	codeCannotIndexIntoNull           Code = "CANNOT_INDEX_INTO_NULL_VALUE"
	codeNotComparable                 Code = "NOT_COMPARABLE"
	codeIncorrectNumberOfArguments    Code = "INCORRECT_NUMBER_OF_ARGUMENTS_TO_FUNCTION"
	codeInvalidTypeForSelection       Code = "INVALID_TYPE_FOR_SELECTION"
	codeSelectionCriteriaNotBoolean   Code = "RESULT_OF_SELECTION_CRITERIA_IS_NOT_BOOLEAN"
	codeBetweenNeedsTwoElements       Code = "BETWEEN_RIGHT_OPERAND_MUST_BE_TWO_ELEMENT_LIST"
	codeInvalidPattern                Code = "INVALID_PATTERN"
	codeProjectionNotSupported        Code = "PROJECTION_NOT_SUPPORTED_ON_TYPE"
	codeExceptionDuringPropertyRead   Code = "EXCEPTION_DURING_PROPERTY_READ"
	codeExceptionDuringFunctionCall   Code = "EXCEPTION_DURING_FUNCTION_CALL"
	codeArrayIndexOutOfBounds         Code = "ARRAY_INDEX_OUT_OF_BOUNDS"
	codeCollectionIndexOutOfBounds    Code = "COLLECTION_INDEX_OUT_OF_BOUNDS"
	codeStringIndexOutOfBounds        Code = "STRING_INDEX_OUT_OF_BOUNDS"
	codeIndexingNotSupported          Code = "INDEXING_NOT_SUPPORTED_FOR_TYPE"
	codeInstanceofNeedsClass          Code = "INSTANCEOF_OPERATOR_NEEDS_CLASS_OPERAND"
	codeExceptionDuringMethodCall     Code = "EXCEPTION_DURING_METHOD_INVOCATION"
	codeOperatorNotSupported          Code = "OPERATOR_NOT_SUPPORTED_BETWEEN_TYPES"
	codeProblemLocatingMethod         Code = "PROBLEM_LOCATING_METHOD"
	codeNotAnInteger                  Code = "NOT_AN_INTEGER"
	codeNotALong                      Code = "NOT_A_LONG"
	codeInvalidFirstOperandMatches    Code = "INVALID_FIRST_OPERAND_FOR_MATCHES_OPERATOR"
	codeInvalidSecondOperandMatches   Code = "INVALID_SECOND_OPERAND_FOR_MATCHES_OPERATOR"
	codeNotAReal                      Code = "NOT_A_REAL"
	codeMoreInput                     Code = "MORE_INPUT"
	codeRightOperandProblem           Code = "RIGHT_OPERAND_PROBLEM"
	codeNotExpectedToken              Code = "NOT_EXPECTED_TOKEN"
	codeOutOfData                     Code = "OOD"
	codeNonTerminatingDoubleQuoted    Code = "NON_TERMINATING_DOUBLE_QUOTED_STRING"
	codeNonTerminatingQuoted          Code = "NON_TERMINATING_QUOTED_STRING"
	codeRealCannotBeLong              Code = "REAL_CANNOT_BE_LONG"
	codeUnexpectedDataAfterDot        Code = "UNEXPECTED_DATA_AFTER_DOT"
	codeMissingConstructorArgs        Code = "MISSING_CONSTRUCTOR_ARGS"
	codeRunOutOfArguments             Code = "RUN_OUT_OF_ARGUMENTS"
	codeNoBeanResolver                Code = "NO_BEAN_RESOLVER_REGISTERED"
	codeInvalidBeanReference          Code = "INVALID_BEAN_REFERENCE"
	codeMultidimArrayInitializer      Code = "MULTIDIM_ARRAY_INITIALIZER_NOT_SUPPORTED"
	codeMissingArrayDimension         Code = "MISSING_ARRAY_DIMENSION"
	codeInitializerLengthIncorrect    Code = "INITIALIZER_LENGTH_INCORRECT"
	codeUnexpectedEscapeChar          Code = "UNEXPECTED_ESCAPE_CHAR"
	codeOperandNotIncrementable       Code = "OPERAND_NOT_INCREMENTABLE"
	codeOperandNotDecrementable       Code = "OPERAND_NOT_DECREMENTABLE"
	codeNotAssignable                 Code = "NOT_ASSIGNABLE"
	codeMissingCharacter              Code = "MISSING_CHARACTER"
	codeLeftOperandProblem            Code = "LEFT_OPERAND_PROBLEM"
	codeMissingSelectionExpression    Code = "MISSING_SELECTION_EXPRESSION"
	codeFlawedPattern                 Code = "FLAWED_PATTERN"
	codeMaxRepeatedTextSizeExceeded   Code = "MAX_REPEATED_TEXT_SIZE_EXCEEDED"
	codeMaxRegexLengthExceeded        Code = "MAX_REGEX_LENGTH_EXCEEDED"
	codeMaxConcatenatedLengthExceeded Code = "MAX_CONCATENATED_STRING_LENGTH_EXCEEDED"
	codeMaxArrayElementsExceeded      Code = "MAX_ARRAY_ELEMENTS_THRESHOLD_EXCEEDED"
	codeMaxExpressionLengthExceeded   Code = "MAX_EXPRESSION_LENGTH_EXCEEDED"
	codeNegativeRepeatedTextCount     Code = "NEGATIVE_REPEATED_TEXT_COUNT"
	codeUnsupportedCharacter          Code = "UNSUPPORTED_CHARACTER"
	codeMaxOperationsExceeded         Code = "MAX_OPERATIONS_EXCEEDED"

	// codeEmptyExpression is ours: Spring throws an exception without a code.
	codeEmptyExpression Code = "EMPTY_EXPRESSION"
	// codeNestingTooDeep and codeResultTooLarge are ours: Java would end in a
	// StackOverflowError or OutOfMemoryError.
	codeNestingTooDeep Code = "NESTING_TOO_DEEP"
	codeResultTooLarge Code = "RESULT_TOO_LARGE"
)

// number is the code's number in SpelMessage, 0 for our own codes.
func (c Code) number() int { return codeNumbers[c] }

var codeNumbers = map[Code]int{
	codeTypeConversionError: 1001, codeConstructorNotFound: 1002, codeConstructorInvocationProblem: 1003,
	codeMethodNotFound: 1004, codeTypeNotFound: 1005, codeFunctionNotDefined: 1006, codePropertyNotReadableOnNull: 1007,
	codeMethodCallOnNull: 1011, codeCannotIndexIntoNull: 1012, codeNotComparable: 1013, codeIncorrectNumberOfArguments: 1014,
	codeInvalidTypeForSelection: 1015, codeSelectionCriteriaNotBoolean: 1016, codeBetweenNeedsTwoElements: 1017,
	codeInvalidPattern: 1018, codeProjectionNotSupported: 1019, codeExceptionDuringPropertyRead: 1021,
	codeExceptionDuringFunctionCall: 1023, codeArrayIndexOutOfBounds: 1024, codeCollectionIndexOutOfBounds: 1025,
	codeStringIndexOutOfBounds: 1026, codeIndexingNotSupported: 1027, codeInstanceofNeedsClass: 1028,
	codeExceptionDuringMethodCall: 1029, codeOperatorNotSupported: 1030, codeProblemLocatingMethod: 1031,
	codeNotAnInteger: 1035, codeNotALong: 1036, codeInvalidFirstOperandMatches: 1037, codeInvalidSecondOperandMatches: 1038,
	codeNotAReal: 1040, codeMoreInput: 1041, codeRightOperandProblem: 1042, codeNotExpectedToken: 1043, codeOutOfData: 1044,
	codeNonTerminatingDoubleQuoted: 1045, codeNonTerminatingQuoted: 1046, codeRealCannotBeLong: 1048,
	codeUnexpectedDataAfterDot: 1049, codeMissingConstructorArgs: 1050, codeRunOutOfArguments: 1051, codeNoBeanResolver: 1057,
	codeInvalidBeanReference: 1059, codeMultidimArrayInitializer: 1062, codeMissingArrayDimension: 1063, codeInitializerLengthIncorrect: 1064,
	codeUnexpectedEscapeChar: 1065, codeOperandNotIncrementable: 1066, codeOperandNotDecrementable: 1067, codeNotAssignable: 1068,
	codeMissingCharacter: 1069, codeLeftOperandProblem: 1070, codeMissingSelectionExpression: 1071, codeFlawedPattern: 1073,
	codeMaxRepeatedTextSizeExceeded: 1076, codeMaxRegexLengthExceeded: 1077, codeMaxConcatenatedLengthExceeded: 1078,
	codeMaxArrayElementsExceeded: 1075, codeMaxExpressionLengthExceeded: 1079, codeNegativeRepeatedTextCount: 1081,
	codeUnsupportedCharacter: 1082, codeMaxOperationsExceeded: 1085,
}
